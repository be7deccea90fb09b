"""Steps that nobody will do: their files were deleted, or another import took them over at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import File, JobFile
from mediabridge.sidecar.library import steps
from mediabridge.sidecar.library.intake import batches
from mediabridge.sidecar.library.steps import Done

_GONE = {"kind": "not_found", "message": "It was removed from the library meanwhile."}
_ELSEWHERE = {"kind": "conflict", "message": "Another import works on it as well, and tells what comes of it."}


def settle(door: Door, job_id: str) -> None:
    """Call it when all stages are through: no step is pending then."""

    def write(session: Session) -> None:
        rows = session.execute(
            select(JobFile.key, File.id, File.state, File.processing_error)
            .outerjoin(File, File.id == JobFile.file_id)
            .where(JobFile.job_id == job_id, JobFile.state == "pending")
        )
        ends = [Done(key, _why(number, state, error)) for key, number, state, error in rows]
        for batch in batches(ends):
            steps.finish(session, job_id, batch)

    door.write(write)


def _why(number: int | None, state: str | None, error: Any) -> Mapping[str, str]:
    if number is None:
        return _GONE
    return error if state in ("failed", "missing") and error else _ELSEWHERE
