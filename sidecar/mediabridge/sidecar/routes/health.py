"""`GET /health`: is this process alive, and is it the one that the bridge started?"""

from __future__ import annotations

import os

import psutil
from flask import Blueprint, Response

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.faults import Fault
from mediabridge.sidecar.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Cheap: asks no tool, waits for no work."""
    parts = services()
    return answer(
        {
            "status": "ok",
            "uptime": round(parts.uptime_s, 3),
            "memory": {"rssBytes": psutil.Process().memory_info().rss},
            "pid": os.getpid(),
            "nonce": parts.nonce,
            "version": parts.version,
            "engine": parts.engine.state,
            "storage": parts.store.status(),
            "queue": _queue(),
        }
    )


def _queue() -> dict[str, object]:
    """What waits and runs; that the list cannot be read does not make this process any less alive."""
    try:
        return {**services().queue.figures()}
    except Fault as problem:
        return {"pending": None, "processing": None, "failed": None, "error": problem.message}
