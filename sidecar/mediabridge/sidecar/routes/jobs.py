"""`/api/jobs`: what waits, runs, is done, and the dead letters (`?status=failed`); cancel, pause, resume, retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from flask import Blueprint, Response, request, url_for

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.faults import URL, Conflict, InvalidRequest, JobUnknown
from mediabridge.sidecar.jobs.job import Job
from mediabridge.sidecar.jobs.rules import KINDS, STATUSES, Status
from mediabridge.sidecar.services import services

blueprint = Blueprint("jobs", __name__, url_prefix="/api/jobs")
_MOST_LISTED = 1000
_MOST_SKIPPED = 1_000_000
_DIGITS = 10
_TRY = f"Try: curl '{URL}/api/jobs?status=failed'"


def told(job: Job) -> dict[str, object]:
    """A job as its JSON object (CONTRACT §4)."""
    progress = job.progress
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "contentHash": job.payload.get("contentHash"),
        "progress": {"done": progress.done, "total": progress.total, "failed": progress.failed},
        "error": job.error,
        "result": job.result,
        "attempts": job.attempts,
        "createdAt": job.created_at,
        "updatedAt": job.updated_at,
    }


def accepted(job: Job) -> Response:
    """202: the work is queued, and where to ask for it (RFC 9110, 15.3.3)."""
    response = answer({"jobId": job.id, **told(job)}, 202)
    response.headers["Location"] = url_for("jobs.one", job_id=job.id)
    response.headers["Retry-After"] = "1"
    return response


@blueprint.get("")
def many() -> Response:
    """Jobs, the newest first."""
    statuses = [part for part in request.args.get("status", "").split(",") if part]
    if unknown := set(statuses) - set(STATUSES):
        msg = f"status: {min(unknown)[:40]!r} is none of {', '.join(get_args(Status))}."
        raise InvalidRequest(msg, _TRY)
    kind = request.args.get("kind")
    if kind is not None and kind not in KINDS:
        msg = f"kind: {kind[:40]!r} is none of {', '.join(sorted(KINDS))}."
        raise InvalidRequest(msg, _TRY)
    queue = services().queue
    jobs = queue.listed(
        statuses=[status for status in STATUSES if status in statuses],
        kind=kind,
        limit=_whole("limit", 100, 1, _MOST_LISTED),
        offset=_whole("offset", 0, 0, _MOST_SKIPPED),
    )
    return answer({"jobs": [told(job) for job in jobs], "counts": queue.counts()})


@blueprint.get("/<job_id>")
def one(job_id: str) -> Response:
    """One job."""
    return answer(told(_known(job_id)))


@blueprint.post("/<job_id>/cancel")
def cancel(job_id: str) -> Response:
    """Cancel it: at once while it waits, else as soon as it looks."""
    return _changed(job_id, services().queue.cancel, "cancelled")


@blueprint.post("/<job_id>/pause")
def pause(job_id: str) -> Response:
    """Pause it, as `cancel`."""
    return _changed(job_id, services().queue.pause, "paused")


@blueprint.post("/<job_id>/resume")
def resume(job_id: str) -> Response:
    """Queue a paused one again."""
    return _changed(job_id, services().queue.resume, "resumed")


@blueprint.post("/<job_id>/retry")
def retry(job_id: str) -> Response:
    """Queue a dead letter again, with all its tries."""
    return _changed(job_id, services().queue.retry, "retried")


def _changed(job_id: str, change: Callable[[str], Job | None], word: str) -> Response:
    job = change(job_id)
    if job is None:
        status = _known(job_id).status
        msg = f"The job is {status}, and cannot be {word}."
        raise Conflict(msg)
    return answer(told(job))


def _known(job_id: str) -> Job:
    job = services().queue.get(job_id)
    if job is None:
        msg = f"There is no job {job_id[:64]!r}."
        raise JobUnknown(msg)
    return job


def _whole(name: str, default: int, least: int, most: int) -> int:
    value = request.args.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS and least <= int(value) <= most):
        msg = f"{name}: {value[:40]!r} is no whole number from {least} to {most}."
        raise InvalidRequest(msg, _TRY)
    return int(value)
