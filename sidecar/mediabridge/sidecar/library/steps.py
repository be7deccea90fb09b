"""The steps of a job, a row for each file: pending until it is done or failed, once, whoever does it and how often.

That makes jobs resumable: a worker asks what is pending, does it, and notes it in the transaction of its result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import File, Job, JobFile
from mediabridge.sidecar.database.portable import insert

from .intake import batches
from .moments import now_us

End = Literal["done", "failed"]
_TABLE = cast("Table", JobFile.__table__)


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about one file. `key` is unique in its job: for imports the key of the file's origin.

    `state` is `done` at once where there is nothing to do.
    """

    key: bytes
    file_id: int | None = None
    state: Literal["pending", "done"] = "pending"
    outcome: Any = None


@dataclass(frozen=True, slots=True)
class Done:
    """How a step ended. `error` is `{"kind", "message"}` of one that failed, `outcome` JSON of what it left."""

    key: bytes
    error: Mapping[str, str] | None = None
    outcome: Any = None

    @property
    def state(self) -> End:
        """Done, or failed."""
        return "done" if self.error is None else "failed"


def add(session: Session, job_id: str, steps: Iterable[Step]) -> int:
    """Add steps to a job; those that it has already stay as they are. Says how many are new."""
    rows = [
        {
            "job_id": job_id,
            "key": step.key,
            "file_id": step.file_id,
            "state": step.state,
            "error": None,
            "outcome": step.outcome,
        }
        for step in {step.key: step for step in steps}.values()
    ]
    new = done = 0
    for batch in batches(rows):
        statement = insert(session, JobFile).on_conflict_do_nothing(index_elements=["job_id", "key"])
        states = session.execute(statement.returning(JobFile.state), batch).scalars().all()
        new += len(states)
        done += states.count("done")
    _count(session, job_id, total=new, done=done)
    return new


def pending(session: Session, job_id: str, limit: int, after: int = 0) -> Sequence[JobFile]:
    """What is still to be done, in the order of coming, behind the step with the number `after`."""
    statement = select(JobFile).where(JobFile.job_id == job_id, JobFile.state == "pending", JobFile.id > after)
    return session.scalars(statement.order_by(JobFile.id).limit(limit)).all()


def left(session: Session, job_id: str, file_state: str) -> int:
    """How many steps are to be done whose files are in this state."""
    statement = select(func.count()).select_from(JobFile).join(File, File.id == JobFile.file_id)
    mine = (JobFile.job_id == job_id, JobFile.state == "pending", File.state == file_state)
    return session.scalar(statement.where(*mine)) or 0


def finish(session: Session, job_id: str, ends: Iterable[Done]) -> set[bytes]:
    """Note how steps ended, and give the keys of those that were pending: the others had ended before, and stay so."""
    wanted = {end.key: end for end in ends}
    counted: set[bytes] = set()
    for keys in batches(list(wanted)):
        mine = select(JobFile.key).where(JobFile.job_id == job_id, JobFile.key.in_(keys), JobFile.state == "pending")
        found = session.scalars(mine.with_for_update()).all()  # which SQLite needs not, and leaves out
        rows = [
            {"step": key, "state": wanted[key].state, "error": _json(wanted[key].error), "outcome": wanted[key].outcome}
            for key in found
        ]
        if rows:
            session.connection().execute(
                update(_TABLE).where(_TABLE.c.job_id == job_id, _TABLE.c.key == bindparam("step")), rows
            )
        counted |= set(found)
    failed = sum(wanted[key].error is not None for key in counted)
    _count(session, job_id, done=len(counted) - failed, failed=failed)
    return counted


def errors(session: Session, job_id: str, limit: int = 100, after: int = 0) -> list[tuple[JobFile, File | None]]:
    """Steps that failed, with their files, behind the step with the number `after`."""
    statement = (
        select(JobFile, File)
        .outerjoin(File, File.id == JobFile.file_id)
        .where(JobFile.job_id == job_id, JobFile.state == "failed", JobFile.id > after)
    )
    return list(session.execute(statement.order_by(JobFile.id).limit(limit)))


def _count(session: Session, job_id: str, *, total: int = 0, done: int = 0, failed: int = 0) -> None:
    """The job's own counts, in the transaction of what they count."""
    session.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(total=Job.total + total, done=Job.done + done, failed=Job.failed + failed, updated_us=now_us()),
        execution_options={"synchronize_session": False},
    )


def _json(error: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if error is None else dict(error)
