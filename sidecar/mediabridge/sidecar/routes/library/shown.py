"""Rows of the library as the JSON of its answers. Times are RFC 3339 in UTC, but for clocks on walls."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from mediabridge.sidecar.database.models import Companion, Decision, File, Job, JobFile
from mediabridge.sidecar.jobs.job import Job as Queued
from mediabridge.sidecar.library import jobs, moments
from mediabridge.sidecar.library.export.manifest import name_of
from mediabridge.sidecar.library.export.options import as_asked
from mediabridge.sidecar.library.groups import Shown

Json = dict[str, Any]


def file(row: File, tags: Sequence[str]) -> Json:
    """A file of a list."""
    return {
        "id": row.id,
        "name": row.name,
        "path": _path(row),
        "source": "upload" if row.path is None else "path",
        "status": row.state,
        "processingError": row.processing_error,
        "type": row.kind,
        "mimeType": row.mime_type,
        "size": row.size,
        "sha256": row.sha256,
        "width": row.width,
        "height": row.height,
        "durationSeconds": row.duration_s,
        "taken": taken(row),
        "review": row.review or "undecided",
        "duplicateGroup": row.group_id,
        "tags": list(tags),
        "addedAt": moments.utc_text(row.created_us),
        "updatedAt": moments.utc_text(row.updated_us),
    }


def taken(row: File) -> Json:
    """`at` is the clock on the wall; `utc` the instant, where the offset is known. `chosen`: a person has said so."""
    dated = row.month != 0
    utc = None
    if dated and row.offset_min is not None:
        with contextlib.suppress(OverflowError):
            utc = moments.utc_of(row.taken_us, row.offset_min).isoformat().replace("+00:00", "Z")
    return {
        "at": moments.clock_text(row.taken_us) if dated else None,
        "offset": None if row.offset_min is None else moments.offset_text(row.offset_min),
        "utc": utc,
        "confidence": row.confidence,
        "chosen": row.chosen,
    }


def group(found: Shown, tags: Mapping[int, Sequence[str]]) -> Json:
    """A group of duplicates, the suggested keeper first; `freeableBytes` have all others together.

    A `burst` or `crop` has no keeper, and nothing to free.
    """
    files = [
        {
            **file(row, tags[row.id]),
            "kind": duplicate.kind,
            "similarity": duplicate.similarity,
            "suggestedKeeper": duplicate.keeper,
            "reasons": duplicate.reasons,
        }
        for duplicate, row in found.members
    ]
    told = {"id": found.id, "kind": found.kind, "settled": found.settled, "freeableBytes": found.freeable}
    return {**told, "files": files}


def companion(found: Companion, row: File) -> Json:
    """A file that belongs to another, and is no duplicate of it."""
    told = {"kind": found.kind, "certainty": found.certainty, "reasons": found.reasons}
    return {**told, "file": {"id": row.id, "name": row.name, "type": row.kind, "mimeType": row.mime_type}}


def decision(row: Decision) -> Json:
    """One change. Those with the same `id` are undone together."""
    return {
        "id": row.batch,
        "action": row.action,
        "fileId": row.file_id,
        "group": row.group_id,
        "field": row.field,
        "before": row.before,
        "after": row.after,
        "at": moments.utc_text(row.created_us),
        "undoneAt": None if row.undone_us is None else moments.utc_text(row.undone_us),
    }


def job(row: Job, queued: Queued | None) -> Json:
    """A job of the library; while the queue knows it, its status and error are the queue's."""
    return {
        "id": row.id,
        "kind": row.kind,
        "status": row.status if queued is None else queued.status,
        "progress": {"done": row.done, "total": row.total, "failed": row.failed},
        "stage": row.stage,
        "error": row.error or (None if queued is None else queued.error),
        **_outcome(row),
        "options": _asked(row),
        "createdAt": moments.utc_text(row.created_us),
        "updatedAt": moments.utc_text(row.updated_us),
        "finishedAt": None if row.finished_us is None else moments.utc_text(row.finished_us),
    }


def _outcome(row: Job) -> Json:
    """What an import has missed; where an export says what came of each file, once it is through."""
    if row.kind == jobs.IMPORT:
        return {"missing": jobs.missing(row.options), "warning": jobs.warning(row.options)}
    return {"manifest": f"{row.options['target']}/{name_of(row.id)}" if row.status == "completed" else None}


def _asked(row: Job) -> Json:
    """What a client has asked for; what else the job notes is its own."""
    if row.kind == jobs.EXPORT:
        return as_asked(row.options)
    if "path" in row.options:
        return {"path": row.options["path"]}
    return {"uploads": len(row.options.get("uploads", []))}


def failure(step: JobFile, row: File | None) -> Json:
    """A file that a job could not do."""
    outcome = step.outcome if isinstance(step.outcome, dict) else {}
    name = outcome.get("name") if row is None else row.name
    return {"fileId": step.file_id, "name": name, "path": None if row is None else _path(row), "error": step.error}


def _path(row: File) -> str | None:
    return None if row.path is None else row.path.decode("utf-8", "replace")
