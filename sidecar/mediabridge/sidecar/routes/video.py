"""`GET /cache/{contentHash}/video`."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, request

from mediabridge.sidecar.answers import to_bytes
from mediabridge.sidecar.services import services

from .serving import Content, serve

blueprint = Blueprint("video", __name__)


@blueprint.get("/cache/<content_hash>/video")
def details(content_hash: str) -> Response:
    """Duration, size, rotation, rate and codecs; they are read when they are first asked for."""
    told = to_bytes({"contentHash": content_hash, **services().videos.get(content_hash)})
    tag = hashlib.sha256(told).hexdigest()
    return serve(request, Content.of_bytes(told, tag, "application/json", f"{content_hash}.video.json"))
