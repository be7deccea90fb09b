"""Jobs of the library: what was asked for, and how far it is. The queue has the same job under the same number.

While the queue knows the job, its word on the status counts: it is the one that learns of a worker's death.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import Job
from mediabridge.sidecar.database.portable import insert

from .moments import now_us

IMPORT, EXPORT = KINDS = ("import", "export")
OVER = frozenset({"completed", "failed", "cancelled"})


def begin(session: Session, job_id: str, kind: str, options: Mapping[str, Any]) -> bool:
    """Note a job; whether it is new. Whoever submits it and whoever works on it may both call this, in any order."""
    moment = now_us()
    row = {
        "id": job_id,
        "kind": kind,
        "status": "queued",
        "options": dict(options),
        "done": 0,
        "total": 0,
        "failed": 0,
        "created_us": moment,
        "updated_us": moment,
    }
    statement = insert(session, Job).on_conflict_do_nothing(index_elements=["id"])
    return session.execute(statement.returning(Job.id), [row]).first() is not None


def settle(session: Session, job_id: str, status: str, error: Mapping[str, str] | None = None) -> None:
    """Note the status; `error` is `{"kind", "message"}`."""
    moment = now_us()
    values = {
        "status": status,
        "error": None if error is None else dict(error),
        "updated_us": moment,
        "finished_us": moment if status in OVER else None,
    }
    if status in OVER:
        values["stage"] = None
    session.execute(
        update(Job).where(Job.id == job_id).values(values), execution_options={"synchronize_session": False}
    )


def enter(session: Session, job_id: str, stage: str, done: int, total: int) -> None:
    """Note what it does now, and how many files that is done for; the job's own counts are of those that are over."""
    values = {"stage": {"name": stage, "done": done, "total": total}, "updated_us": now_us()}
    session.execute(
        update(Job).where(Job.id == job_id).values(values), execution_options={"synchronize_session": False}
    )


def mark(session: Session, job_ids: Iterable[str], mark: str) -> None:
    """Note in the options of jobs that something was done."""
    for job_id in job_ids:
        note(session, job_id, {mark: True})


def note(session: Session, job_id: str, told: Mapping[str, Any]) -> None:
    """Note more in the options of a job."""
    options = session.scalar(select(Job.options).where(Job.id == job_id))
    session.execute(
        update(Job).where(Job.id == job_id).values(options={**(options or {}), **told}),
        execution_options={"synchronize_session": False},
    )


def missing(options: Any) -> int:
    """How many files an import has missed below its folder."""
    return int((options or {}).get("missing", 0))


def warning(options: Any) -> str | None:
    """What whoever has started the import should look at."""
    count = (options or {}).get("unmounted", 0)
    if not count:
        return None
    return (
        f"The folder is empty, and files were imported from it ({count}). Is its disk mounted? They are not marked as"
        " missing; that is done when it holds something again, or by an import of the folder above it."
    )


def unmarked(session: Session, kind: str, mark: str) -> list[str]:
    """Jobs of a kind that ended before they were marked so."""
    statement = select(Job.id, Job.options).where(Job.kind == kind, Job.status.in_(["cancelled", "failed"]))
    return [job_id for job_id, options in session.execute(statement) if not options.get(mark)]


def running(session: Session, kind: str) -> list[tuple[str, Any]]:
    """Jobs of a kind that run as far as the library knows, with their options."""
    statement = select(Job.id, Job.options).where(Job.kind == kind, Job.status == "running")
    return [(job_id, options) for job_id, options in session.execute(statement)]


def get(session: Session, job_id: str) -> Job | None:
    """The job with this number."""
    return session.get(Job, job_id)


def listed(session: Session, kind: str | None = None, after: str | None = None, limit: int = 100) -> Sequence[Job]:
    """Jobs, the newest first (their numbers sort by time), behind the one with the number `after`."""
    statement = select(Job).order_by(Job.id.desc()).limit(limit)
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    if after is not None:
        statement = statement.where(Job.id < after)
    return session.scalars(statement).all()
