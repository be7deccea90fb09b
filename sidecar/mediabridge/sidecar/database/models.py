"""The tables. A change here needs a revision in `migrations/versions`, and `HEAD` in `shape.py`.

Times: `..._us` are whole microseconds since 1970. Those of what we do are UTC; `taken_us` is the clock on the wall
where the picture was taken, read as if it were UTC, so that it sorts as people remember it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

UNDATED = -(2**62)  # `taken_us` of a file without a date: it sorts as the oldest, and needs no special case
_Big = BigInteger().with_variant(Integer, "sqlite")  # only an INTEGER is SQLite's own row number
_Words = Text().with_variant(Text(collation="C"), "postgresql")  # both sort by code points, as Python does


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Base(DeclarativeBase):
    """What Alembic compares with the database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class File(Base):
    """One original, as it was imported: once for each place that it came from.

    `key` says where from (`origin.py`); `path` are the bytes of its path, NULL for what was uploaded and lies in the
    content store. `state` is `pending`, `done` or `failed`, with `processing_error` then. `review` is NULL until
    somebody says `keep` or `discard`. `group_id` is its group of duplicates: the least id of a file in it.
    """

    __tablename__ = "files"
    __table_args__ = (
        Index("ix_files_taken", "taken_us", "id", "folded"),
        Index("ix_files_kind_taken", "kind", "taken_us", "id"),
        Index("ix_files_state_taken", "state", "taken_us", "id"),
        Index("ix_files_confidence_taken", "confidence", "taken_us", "id"),
        Index("ix_files_name", "folded", "id"),
        Index("ix_files_size", "size", "id"),
        Index("ix_files_sorts", "state", "kind", "review", "confidence", "size"),  # `summary` reads nothing else
        Index("ix_files_month", "month"),
        Index("ix_files_sha256", "sha256"),
        # `x IS NOT NULL` follows from `x = ?`, for both planners; other conditions would not.
        Index("ix_files_review", "review", "taken_us", "id", **_where("review IS NOT NULL")),
        Index("ix_files_group", "taken_us", "id", **_where("group_id IS NOT NULL")),
        Index("ix_files_grouped", "group_id", **_where("group_id IS NOT NULL")),
        {"sqlite_autoincrement": True},  # the number of a file that was deleted is not given again
    )

    id: Mapped[int] = mapped_column(_Big, primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    path: Mapped[bytes | None] = mapped_column(LargeBinary)
    name: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(_Words)  # `name` for searching and sorting
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    processing_error: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    sha256: Mapped[str | None] = mapped_column(String(64))
    perceptual: Mapped[bytes | None] = mapped_column(LargeBinary)
    mime_type: Mapped[str | None] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(16))
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    duration_s: Mapped[float | None] = mapped_column(Float)
    taken_us: Mapped[int] = mapped_column(BigInteger)
    month: Mapped[int] = mapped_column(Integer)  # of `taken_us`, as 202401; 0 without a date
    offset_min: Mapped[int | None] = mapped_column(SmallInteger)  # from UTC, where it is known
    confidence: Mapped[str] = mapped_column(String(8))
    chosen: Mapped[bool] = mapped_column(Boolean)  # the date is a person's: no import changes it
    review: Mapped[str | None] = mapped_column(String(16))
    group_id: Mapped[int | None] = mapped_column(BigInteger)
    created_us: Mapped[int] = mapped_column(BigInteger)
    updated_us: Mapped[int] = mapped_column(BigInteger)
    # What is long comes last: SQLite walks over what lies before a column.
    taken: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))  # candidates and reasons
    details: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))


class Job(Base):
    """A job of the library. `id` is that of the queue's job; `done`, `total`, `failed` count its `job_files`."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    options: Mapped[Any] = mapped_column(JSON)
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    created_us: Mapped[int] = mapped_column(BigInteger)
    updated_us: Mapped[int] = mapped_column(BigInteger)
    finished_us: Mapped[int | None] = mapped_column(BigInteger)
    stage: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))  # what it does now: {"name", "done", "total"}


class JobFile(Base):
    """One step of a job: `pending` until it is `done` or `failed`, once. `outcome` is what it left."""

    __tablename__ = "job_files"
    __table_args__ = (
        UniqueConstraint("job_id", "key"),
        Index("ix_job_files_state", "job_id", "state", "id"),
        Index("ix_job_files_file", "file_id"),
    )

    id: Mapped[int] = mapped_column(_Big, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    key: Mapped[bytes] = mapped_column(LargeBinary)
    file_id: Mapped[int | None] = mapped_column(ForeignKey("files.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(String(16))
    error: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    outcome: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))


class Duplicate(Base):
    """A file in its group. `kind` and `similarity` (0 to 1) say how it is like the `keeper`; `reasons` why."""

    __tablename__ = "duplicates"
    __table_args__ = (Index("ix_duplicates_group", "group_id"), Index("ix_duplicates_settled", "settled", "group_id"))

    file_id: Mapped[int] = mapped_column(
        ForeignKey("files.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    group_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(16))
    similarity: Mapped[float] = mapped_column(Float)
    keeper: Mapped[bool] = mapped_column(Boolean)
    reasons: Mapped[Any] = mapped_column(JSON)
    settled: Mapped[bool] = mapped_column(Boolean)  # somebody has decided about the group as it is


class Companion(Base):
    """Two files that belong together and are no duplicates: a RAW file and its JPEG, a still and its film."""

    __tablename__ = "companions"
    __table_args__ = (Index("ix_companions_other", "other_id"),)

    file_id: Mapped[int] = mapped_column(
        ForeignKey("files.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    other_id: Mapped[int] = mapped_column(
        ForeignKey("files.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    kind: Mapped[str] = mapped_column(String(16))
    certainty: Mapped[str] = mapped_column(String(8))
    reasons: Mapped[Any] = mapped_column(JSON)


class Decision(Base):
    """One change by a person, never deleted. Those of one request share their `batch`, and are undone together."""

    __tablename__ = "user_decisions"
    __table_args__ = (Index("ix_user_decisions_file", "file_id", "field", "id"),)

    id: Mapped[int] = mapped_column(_Big, primary_key=True)
    batch: Mapped[str] = mapped_column(String(32), index=True)
    action: Mapped[str] = mapped_column(String(16))
    file_id: Mapped[int] = mapped_column(ForeignKey("files.id", ondelete="CASCADE"))
    group_id: Mapped[int | None] = mapped_column(BigInteger)
    field: Mapped[str] = mapped_column(String(16))  # what was changed: review, taken, tags, settled
    before: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    created_us: Mapped[int] = mapped_column(BigInteger)
    undone_us: Mapped[int | None] = mapped_column(BigInteger)


class Setting(Base):
    """A setting of the library that is not at its default."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    updated_us: Mapped[int] = mapped_column(BigInteger)


class Tag(Base):
    """A word for files; `folded` makes `Rome` and `rome` the same."""

    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(_Big, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(_Words, unique=True)


class FileTag(Base):
    """A tag of a file. `origin` is `user`, `folder` or `file` (its own keywords)."""

    __tablename__ = "file_tags"
    __table_args__ = (Index("ix_file_tags_tag", "tag_id", "file_id"),)

    file_id: Mapped[int] = mapped_column(ForeignKey("files.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)
    origin: Mapped[str] = mapped_column(String(8))
