"""`POST /api/extract` and `GET /api/extract/health`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

from flask import Blueprint, Response, request

from mediabridge.sidecar import requestid
from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.extraction import engine, extract, health
from mediabridge.sidecar.extraction.view import View
from mediabridge.sidecar.faults import PayloadTooLarge
from mediabridge.sidecar.limits import Tier, find_tier, megabytes
from mediabridge.sidecar.services import services

from .upload import Upload, receive

blueprint = Blueprint("extract", __name__, url_prefix="/api/extract")


@blueprint.post("")
def extract_one() -> Response:
    """All that one uploaded file says about itself, as far as the tier sees it."""
    start = time.monotonic()
    parts = services()
    with parts.scratch.room() as room:
        upload, fields = receive(request, room, parts.max_bytes)
        tier = find_tier(parts.tiers, fields.get("tier") or request.args.get("tier", ""))
        _check_size(upload, tier)
        reading = parts.extractor.read(upload, _client_gone())
    visible = extract.show(reading, upload.name, tier.shows)
    return answer(_payload(upload, tier, reading, visible, start))


def _check_size(upload: Upload, tier: Tier) -> None:
    if upload.size > tier.max_bytes:
        msg = (
            f"{upload.name} has {megabytes(upload.size)} ({upload.size} bytes); "
            f"the tier {tier.name} takes files up to {megabytes(tier.max_bytes)} ({tier.max_bytes} bytes)."
        )
        raise PayloadTooLarge(msg)


def _client_gone() -> Callable[[], bool] | None:
    """Waitress's own word on whether the client is still connected; other servers have none."""
    return request.environ.get("waitress.client_disconnected")


def _payload(upload: Upload, tier: Tier, reading: extract.Reading, visible: View, start: float) -> dict[str, object]:
    return {
        "requestId": requestid.current.get(),
        "file": {
            "name": upload.name,
            "size": upload.size,
            "mimeType": reading.mime_type,
            "extension": upload.extension or reading.usual_extension,
            "sha256": upload.sha256,
        },
        "tier": tier.name,
        "engine": {"name": reading.engine_name, "version": reading.engine_version},
        "cached": False,
        "elapsedMs": _elapsed_ms(start),
        "metadata": visible.metadata,
        "fields": {"returned": visible.returned, "available": visible.available, "locked": list(visible.locked)},
        "warnings": list(reading.warnings),
    }


@blueprint.get("/health")
def extract_health() -> Response:
    """Whether extraction works, by a real extraction; 503 when it does not."""
    start = time.monotonic()
    parts = services()
    found = health.check(parts.engine, parts.health_sample, parts.health_timeout_s)
    payload: dict[str, object] = {
        "status": found.status,
        "engine": {"name": engine.NAME, "version": parts.engine.version, "path": parts.exiftool_path()},
        "pool": asdict(parts.engine.stats()),
        "elapsedMs": _elapsed_ms(start),
    }
    if found.reason:
        payload["reason"] = found.reason
    return answer(payload, 503 if found.status == "down" else 200)


def _elapsed_ms(start: float) -> float:
    return round((time.monotonic() - start) * 1000, 1)
