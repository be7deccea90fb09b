"""What may be done about a job of the library, and its progress as server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, stream_with_context

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.faults import URL, Conflict, JobUnknown
from mediabridge.sidecar.jobs.job import Job as Queued
from mediabridge.sidecar.library import jobs
from mediabridge.sidecar.library.jobs import OVER
from mediabridge.sidecar.services import Services, services

from . import shown

_LOOK_S = 0.5
_QUIET_S = 15.0  # a comment goes out after so long without news, so that proxies keep the connection
_LONGEST_S = 300.0  # then the client connects again, as `EventSource` does by itself
_LONGEST_ID = 64


def pause(job_id: str) -> Response:
    """Pause it: at the next file. What was done stays done."""
    return _changed(job_id, services().queue.pause, "paused")


def resume(job_id: str) -> Response:
    """Go on where it was paused."""
    return _changed(job_id, services().queue.resume, "resumed")


def cancel(job_id: str) -> Response:
    """Cancel it: at the next file. What was done stays done."""
    return _changed(job_id, services().queue.cancel, "cancelled")


def events(job_id: str) -> Response:
    """`progress` whenever it changes, `end` when the job is over; the data is the job's own JSON."""
    parts = services()
    first = _told(parts, job_id)
    body = stream_with_context(_events(parts, job_id, first))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(body, headers=headers, mimetype="text/event-stream", direct_passthrough=True)


def _events(parts: Services, job_id: str, told: dict[str, Any]) -> Iterator[bytes]:
    until = time.monotonic() + _LONGEST_S
    yield _event(told)
    sent, last = told, time.monotonic()
    while told["status"] not in OVER and time.monotonic() < until and not parts.stopping.wait(_LOOK_S):
        told = _told(parts, job_id)
        if told != sent:
            yield _event(told)
            sent, last = told, time.monotonic()
        elif time.monotonic() - last > _QUIET_S:
            yield b": still here\n\n"
            last = time.monotonic()


def _event(told: dict[str, Any]) -> bytes:
    name = "end" if told["status"] in OVER else "progress"
    return f"event: {name}\ndata: {json.dumps(told, separators=(',', ':'))}\n\n".encode()


def _told(parts: Services, job_id: str) -> dict[str, Any]:
    row = parts.library.read(lambda session: jobs.get(session, job_id[:_LONGEST_ID].replace("\0", "")))
    if row is None:
        msg = f"There is no job {job_id[:_LONGEST_ID]!r} of the library."
        raise JobUnknown(msg, f"List them: curl {URL}/api/library/jobs")
    return shown.job(row, parts.queue.get(row.id))


def _changed(job_id: str, change: Callable[[str], Queued | None], word: str) -> Response:
    parts = services()
    before = _told(parts, job_id)
    if change(before["id"]) is None:
        msg = f"The job is {before['status']}, and cannot be {word}."
        raise Conflict(msg)
    if word == "cancelled":  # the only end that the worker does not note: it may never have begun
        parts.library.write(lambda session: jobs.settle(session, before["id"], word))
    return answer(_told(parts, job_id))
