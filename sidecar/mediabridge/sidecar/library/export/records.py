"""What an export asks of the database, and notes there: its own queries, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Select, Table, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased, defer

from mediabridge.sidecar.database.models import UNDATED, File, Job, JobFile
from mediabridge.sidecar.library import steps, tags
from mediabridge.sidecar.library.intake import batches
from mediabridge.sidecar.library.listing import Filters, conditions
from mediabridge.sidecar.library.steps import Step

from .item import Item, counts, is_assumed, precision_of
from .options import Options

KIND = "export"
_JOBS, _STEPS = cast("Table", Job.__table__), cast("Table", JobFile.__table__)
Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])
Outcome = Mapping[str, Any]
# Asked by what a state is not, where another index than that of the states is to be used.
_UNREAD = ("failed", "pending")
_SHORT = defer(File.details, raiseload=True)  # long, and of no use here


def key_of(file_id: int) -> bytes:
    """The key of a file's step."""
    return b"file:%d" % file_id


Place = tuple[int, int]  # `taken_us`, number
START: Place = (-(2**63), 0)


def chosen(session: Session, options: Options, after: Place, limit: int) -> list[File]:
    """Files that are exported, the oldest first, behind a place."""
    statement = _behind(select(File), session, options, after).options(_SHORT)
    return list(session.scalars(statement.limit(limit)))


def left_out(session: Session, options: Options) -> dict[str, int]:
    """How many files of the library are not exported: those that nobody has read yet, those that could not be, those
    that were moved.
    """
    rows = session.execute(select(File.state, func.count()).where(File.state.in_(_UNREAD)).group_by(File.state))
    found = dict(rows.all())
    discarded = 0
    if options.keepers_only:
        where = [*_chosen(session, options, keepers=False), _is_alone(options), File.review == "discard"]
        discarded = session.scalar(select(func.count()).select_from(File).where(*where)) or 0
    where = [*_chosen(session, options), ~_is_alone(options), File.state == "missing"]
    moved = session.scalar(select(func.count()).select_from(File).where(*where)) or 0
    failed = found.get("failed", 0)
    return {"pending": found.get("pending", 0), "failed": failed, "discarded": discarded, "moved": moved}


def plan(session: Session, job_id: str, options: Options, after: Place, limit: int) -> Place | None:
    """A step for each file behind a place; gives the next place, None at the end. What the job has stays as it is."""
    rows = [(taken_us, file_id) for taken_us, file_id in session.execute(planned(session, options, after, limit))]
    steps.add(session, job_id, [Step(key_of(file_id), file_id) for _, file_id in rows])
    return rows[-1] if rows else None


def planned(session: Session, options: Options, after: Place, limit: int) -> Select[int, int]:
    """What `plan` asks the database."""
    return _behind(select(File.taken_us, File.id), session, options, after).limit(limit)


def is_planned(session: Session, job_id: str) -> bool:
    """Whether the job has all its steps."""
    options = session.scalar(select(Job.options).where(Job.id == job_id))
    return bool(options and options.get("planned"))


def settle_plan(session: Session, job_id: str) -> None:
    """Note that it has."""
    options = session.scalar(select(Job.options).where(Job.id == job_id)) or {}
    session.execute(update(_JOBS).where(_JOBS.c.id == job_id).values(options={**options, "planned": True}))


def progress(session: Session, job_id: str) -> tuple[int, int, int]:
    """Done, failed, all."""
    row = session.execute(select(Job.done, Job.failed, Job.total).where(Job.id == job_id)).first()
    return row or (0, 0, 0)


def bytes_left(session: Session, job_id: str) -> int:
    """Of originals that are still to be copied."""
    statement = select(func.sum(File.size)).join(JobFile, JobFile.file_id == File.id)
    return session.scalar(statement.where(JobFile.job_id == job_id, JobFile.state == "pending")) or 0


def items(session: Session, rows: Sequence[JobFile], options: Options) -> dict[int, Item | None]:
    """The files of steps, by the steps' numbers; None for one that has left the library."""
    found: dict[int, Item | None] = {row.id: None for row in rows}
    for batch in batches(rows):
        ids = [row.file_id for row in batch if row.file_id is not None]
        files = {file.id: file for file in session.scalars(select(File).where(File.id.in_(ids)).options(_SHORT))}
        words = tags.of_files(session, ids)
        for row in batch:
            file = files.get(row.file_id or 0)
            if file is not None and file.sha256 is not None:
                found[row.id] = item_of(file, words[file.id], options, row.id)
    return found


def item_of(file: File, words: Iterable[str], options: Options, step: int = 0) -> Item:
    """A row as an export sees it."""
    dated = file.taken_us > UNDATED and counts(file.confidence, options, chosen=file.chosen)
    return Item(
        step=step,
        key=key_of(file.id),
        file_id=file.id,
        path=file.path,
        name=file.name,
        size=file.size,
        sha256=file.sha256 or "",
        mime_type=file.mime_type or "",
        taken_us=file.taken_us if dated else None,
        offset_min=file.offset_min if dated else None,
        assumed=not file.chosen and is_assumed(file.taken),
        confidence=file.confidence,
        chosen=file.chosen,
        tags=tuple(words),
        precision=precision_of(file.taken) if dated and not file.chosen else None,
    )


def earlier(session: Session, job_id: str, file_ids: Sequence[int]) -> dict[tuple[int, str], Outcome]:
    """What other exports have left of these files, by file and recipe; the latest counts."""
    found: dict[tuple[int, str], Outcome] = {}
    statement = (
        select(JobFile.file_id, JobFile.outcome)
        .join(Job, Job.id == JobFile.job_id)
        .where(Job.kind == KIND, JobFile.state == "done", JobFile.job_id != job_id)
        .order_by(JobFile.id)
    )
    for batch in batches(file_ids):
        for file_id, outcome in session.execute(statement.where(JobFile.file_id.in_(batch))):
            if file_id is not None and isinstance(outcome, Mapping) and outcome.get("recipe"):
                found[file_id, outcome["recipe"]] = outcome
    return found


def claim(session: Session, claims: Mapping[int, Outcome]) -> None:
    """Note where copies are about to be put, by their steps' numbers: whoever takes over finds them there."""
    rows = [{"step": step, "claimed": dict(outcome)} for step, outcome in claims.items()]
    if rows:
        statement = update(_STEPS).where(_STEPS.c.id == bindparam("step"), _STEPS.c.state == "pending")
        session.connection().execute(statement.values(outcome=bindparam("claimed")), rows)


def claimed(session: Session, job_id: str) -> list[tuple[int, bytes, Outcome]]:
    """Steps that were cut off after their claim: number, key, what was claimed."""
    where = (JobFile.job_id == job_id, JobFile.state == "pending", JobFile.outcome.is_not(None))
    rows = session.execute(select(JobFile.id, JobFile.key, JobFile.outcome).where(*where))
    return [(number, key, outcome) for number, key, outcome in rows if isinstance(outcome, Mapping)]


def latest(session: Session, job_id: str, limit: int) -> list[Outcome]:
    """The copies that were noted last."""
    where = (JobFile.job_id == job_id, JobFile.state == "done")
    rows = session.scalars(select(JobFile.outcome).where(*where).order_by(JobFile.id.desc()).limit(limit))
    return [outcome for outcome in rows if isinstance(outcome, Mapping)]


def ended(session: Session, job_id: str, after: int, limit: int) -> list[tuple[JobFile, File | None]]:
    """Steps in their order, with what the library knows of the files now."""
    statement = select(JobFile, File).outerjoin(File, File.id == JobFile.file_id)
    statement = statement.where(JobFile.job_id == job_id, JobFile.id > after).order_by(JobFile.id).limit(limit)
    return list(session.execute(statement))


def unfinished(session: Session) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Exports that have not come to an end: number and options, the latest first."""
    statement = select(Job.id, Job.options).where(Job.kind == KIND, Job.finished_us.is_(None)).order_by(Job.id.desc())
    yield from session.execute(statement).all()


def _behind(statement: Query, session: Session, options: Options, after: Place) -> Query:
    place = (File.taken_us > after[0]) | ((File.taken_us == after[0]) & (File.id > after[1]))
    return statement.where(*_chosen(session, options), _is_alone(options), place).order_by(File.taken_us, File.id)


def _is_alone(options: Options) -> ColumnElement[bool]:
    """Not so of a missing file whose bytes the library has elsewhere: it was moved, and is exported from there."""
    twin = aliased(File)
    where = [twin.sha256 == File.sha256, twin.state.not_in([*_UNREAD, "missing"])]
    if options.keepers_only:
        where.append(twin.review.is_(None) | (twin.review != "discard"))
    return or_(File.state == "done", ~exists().where(*where))


def _chosen(session: Session, options: Options, *, keepers: bool = True) -> list[Any]:
    filters = Filters(
        first_us=options.first_us,
        last_us=options.last_us,
        kinds=options.kinds,
        tags=options.tags,
    )
    found: list[Any] = [*conditions(session, filters), File.sha256.is_not(None)]
    found.append(File.state.not_in(_UNREAD))  # of what is missing, the manifest says so
    if options.keepers_only and keepers:
        found.append(File.review.is_(None) | (File.review != "discard"))
    return found
