"""What came of each file, as JSON lines in the target: proof for people, and input for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import File, JobFile

from . import records
from .options import Options
from .target import Target, Work

_BATCH = 1000


def name_of(job_id: str) -> str:
    """In the target itself."""
    return f"export-{job_id}.jsonl"


def write(door: Door, job_id: str, options: Options, target: Target, work: Work, check: Callable[[], None]) -> str:
    """Write it as a whole, or not at all; gives its name. Raises `OSError`."""
    fd = work.create("manifest")
    after = 0
    with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123
        while rows := door.read(partial(_rows, job_id, after, options)):
            check()
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for _, row in rows)
            after = rows[-1][0]
        file.flush()
        os.fsync(fd)
    target.replace(work, "manifest", name_of(job_id))
    return name_of(job_id)


def _rows(job_id: str, after: int, options: Options, session: Session) -> list[tuple[int, dict[str, Any]]]:
    found = records.ended(session, job_id, after, _BATCH)
    return [(step.id, row(step, file, options)) for step, file in found]


def row(step: JobFile, file: File | None, options: Options) -> dict[str, Any]:
    """One line. `result`: `exported`, `present` (by an earlier export), `failed`, `pending`."""
    outcome: Mapping[str, Any] = step.outcome or {}
    told = outcome.get("told") or ({} if file is None else records.item_of(file, (), options).told())
    if step.state != "done":
        return {**told, "id": step.file_id, "target": None, "result": step.state, "error": step.error}
    return {
        **told,
        "target": f"{outcome['folder']}/{outcome['name']}",
        "targetSha256": outcome["sha256"],
        "targetSize": outcome["size"],
        "sidecar": f"{outcome['folder']}/{outcome['name']}.xmp" if outcome["sidecar"] else None,
        "sidecarSha256": outcome["sidecar"],
        "result": "present" if outcome.get("present") else "exported",
        "metadata": outcome["written"],
        "why": outcome["why"],
        "error": None,
    }
