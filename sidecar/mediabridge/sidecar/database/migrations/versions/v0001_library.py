"""The first shape of the library."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Make all tables."""
    _files()
    _jobs()
    _settings()
    _tags()
    _duplicates()
    _file_tags()
    _job_files()
    _user_decisions()


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", _WORDS, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("processing_error", _JSON, nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("perceptual", sa.LargeBinary(), nullable=True),
        sa.Column("mime_type", sa.String(length=255), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("taken_us", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("offset_min", sa.SmallInteger(), nullable=True),
        sa.Column("confidence", sa.String(length=8), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("review", sa.String(length=16), nullable=True),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("taken", _JSON, nullable=True),
        sa.Column("details", _JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("key", name=op.f("uq_files_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_files_group", "files", ["taken_us", "id"], **_known("group_id"))
    op.create_index("ix_files_grouped", "files", ["group_id"], **_known("group_id"))
    op.create_index("ix_files_kind_taken", "files", ["kind", "taken_us", "id"])
    op.create_index("ix_files_month", "files", ["month"])
    op.create_index("ix_files_name", "files", ["folded", "id"])
    op.create_index("ix_files_review", "files", ["review", "taken_us", "id"], **_known("review"))
    op.create_index("ix_files_sha256", "files", ["sha256"])
    op.create_index("ix_files_size", "files", ["size", "id"])
    op.create_index("ix_files_state_taken", "files", ["state", "taken_us", "id"])
    op.create_index("ix_files_taken", "files", ["taken_us", "id", "folded"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("error", _JSON, nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("finished_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )


def _settings() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )


def _tags() -> None:
    op.create_table(
        "tags",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("folded", name=op.f("uq_tags_folded")),
    )


def _duplicates() -> None:
    op.create_table(
        "duplicates",
        sa.Column("file_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=False),
        sa.Column("keeper", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_duplicates_file_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_duplicates")),
    )
    op.create_index("ix_duplicates_group", "duplicates", ["group_id"])
    op.create_index("ix_duplicates_settled", "duplicates", ["settled", "group_id"])


def _file_tags() -> None:
    op.create_table(
        "file_tags",
        sa.Column("file_id", _BIG, nullable=False),
        sa.Column("tag_id", _BIG, nullable=False),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_file_tags_file_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_file_tags_tag_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("file_id", "tag_id", name=op.f("pk_file_tags")),
    )
    op.create_index("ix_file_tags_tag", "file_tags", ["tag_id", "file_id"])


def _job_files() -> None:
    op.create_table(
        "job_files",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("file_id", _BIG, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error", _JSON, nullable=True),
        sa.Column("outcome", _JSON, nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_job_files_file_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_files_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_files")),
        sa.UniqueConstraint("job_id", "key", name=op.f("uq_job_files_job_id_key")),
    )
    op.create_index("ix_job_files_file", "job_files", ["file_id"])
    op.create_index("ix_job_files_state", "job_files", ["job_id", "state", "id"])


def _user_decisions() -> None:
    op.create_table(
        "user_decisions",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("file_id", _BIG, nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("field", sa.String(length=16), nullable=False),
        sa.Column("before", _JSON, nullable=True),
        sa.Column("after", _JSON, nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("undone_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_user_decisions_file_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_decisions")),
    )
    op.create_index(op.f("ix_user_decisions_batch"), "user_decisions", ["batch"])
    op.create_index("ix_user_decisions_file", "user_decisions", ["file_id", "field", "id"])


def _known(column: str) -> dict[str, Any]:
    return {f"{dialect}_where": sa.text(f"{column} IS NOT NULL") for dialect in ("sqlite", "postgresql")}
