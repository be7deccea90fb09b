"""`GET /api/status/system` and `GET /api/cache/stats`: how full the cache is, and how scarce memory is."""

from __future__ import annotations

from flask import Blueprint, Response

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.cache import get_global_monitor
from mediabridge.sidecar.services import services

blueprint = Blueprint("status", __name__)


@blueprint.get("/api/status/system")
def system() -> Response:
    """Cache and memory at a glance."""
    return answer({"cache": services().cache.get_stats(), "memory": get_global_monitor().get_summary()})


@blueprint.get("/api/cache/stats")
def cache_stats() -> Response:
    """All figures of the cache, with each tier in detail."""
    cache = services().cache
    return answer({**cache.get_stats(), "detailed": cache.get_detailed_info()})
