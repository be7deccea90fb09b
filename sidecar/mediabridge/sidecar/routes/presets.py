"""`GET /cache/{contentHash}/{preset}` and `POST /optimize-for-ai`."""

from __future__ import annotations

import base64
import contextlib
import io
import os
from typing import Any, BinaryIO

from flask import Blueprint, Response, request

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.faults import URL, InvalidRequest
from mediabridge.sidecar.images.presets import MOST_SIDE
from mediabridge.sidecar.images.shelf import Kept
from mediabridge.sidecar.services import services

from .jobs import accepted
from .sent import json_sent
from .serving import Content, serve

blueprint = Blueprint("presets", __name__)
_TRY = f"Try: curl -H 'Content-Type: application/json' -d '{{\"contentHash\": \"...\"}}' {URL}/optimize-for-ai"
_MOST_BYTES = 1024**3


@blueprint.get("/cache/<content_hash>/<preset>")
def derived(content_hash: str, preset: str) -> Response:
    """A derived picture; it is made when it is first asked for, with `wait=0` by a job."""
    parts = services()
    missing = request.args.get("wait") == "0" and parts.shelf.peek(content_hash, preset) is None
    if missing and (job := parts.ahead.offer("image", content_hash)):
        return accepted(job)
    gone = request.environ.get("waitress.client_disconnected")  # other servers have no word on it
    with contextlib.suppress(FileNotFoundError):
        kept = parts.shelf.get(content_hash, preset, gone)
        parts.warmer.note(content_hash, preset)
        return _serve(kept)
    return _serve(parts.shelf.get(content_hash, preset, gone))  # it was evicted right before it was opened


def _serve(kept: Kept) -> Response:
    made = kept.made

    def opened(start: int, length: int) -> BinaryIO:
        with kept.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != made.size:  # it was replaced right before it was opened
                raise FileNotFoundError(kept.path)
            file.seek(start)
            return io.BytesIO(file.read(length))

    return serve(request, Content(made.size, kept.sha256, made.mime_type, f"{made.preset}.{made.extension}", opened))


@blueprint.post("/optimize-for-ai")
def optimize_for_ai() -> Response:
    """A picture for a model, as base64."""
    asked = json_sent()
    if not isinstance(asked, dict) or not isinstance(asked.get("contentHash"), str):
        msg = "contentHash: the body must be a JSON object that names a stored content."
        raise InvalidRequest(msg, _TRY)
    max_bytes = _whole(asked, "maxBytes", 0, _MOST_BYTES)
    made, data = services().shelf.optimise(
        asked["contentHash"],
        _whole(asked, "maxSize", 2048, MOST_SIDE),
        _whole(asked, "quality", 85, 100),
        max_bytes or None,
    )
    told = {"data": base64.b64encode(data).decode(), "mimeType": made.mime_type, "size": made.size}
    return answer({**told, "width": made.width, "height": made.height, "quality": made.quality})


def _whole(asked: dict[str, Any], name: str, default: int, most: int) -> int:
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        msg = f"{name}: it is no whole number from 1 to {most}."
        raise InvalidRequest(msg, _TRY)
    return value
