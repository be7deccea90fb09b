"""`POST /upload`, and `GET /cache/{contentHash}/original` and `/metadata`."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

from flask import Blueprint, Response, request

from mediabridge.sidecar.answers import answer, to_bytes
from mediabridge.sidecar.bodies import UPLOAD
from mediabridge.sidecar.form import ENVIRON
from mediabridge.sidecar.raw import RawBody, read
from mediabridge.sidecar.services import services

from .serving import Content, serve

blueprint = Blueprint("processor", __name__)


@blueprint.post(UPLOAD)
def upload() -> Response:
    """Store the body under its hash. It is durable when this answers."""
    with _incoming() as body:
        kept = services().store.keep(body.file)
        record, label = kept.record, body.file.label
    jobs = services().ahead.stored(record) if kept.is_new else []
    return answer(
        {
            "contentHash": record.content_hash,
            "originalName": label.name,  # of this upload; `metadata` has the one of the first
            "size": record.size,
            "mimeType": record.mime_type,
            "isNew": kept.is_new,
            "metadata": record.to_json(),
            "jobs": [{"id": job.id, "kind": job.kind} for job in jobs],  # what is made of it ahead
        }
    )


@contextlib.contextmanager
def _incoming() -> Iterator[RawBody]:
    """The body. Under our own server it has arrived already."""
    arrived: RawBody | None = request.environ.get(ENVIRON)
    body = arrived or services().bodies.raw.open(_headers(), request.content_length)
    try:
        yield arrived or read(request.stream, body)
    finally:
        body.close()


def _headers() -> dict[str, str]:
    return {name.upper().replace("-", "_"): value for name, value in request.headers.items()}


@blueprint.get("/cache/<content_hash>/original")
def original(content_hash: str) -> Response:
    """The bytes as they came; with `verify=1` only when they still have their hash."""
    store = services().store
    record = store.find(content_hash)
    verified = request.args.get("verify") == "1"
    if verified:
        store.verify(content_hash)
    content = Content(
        record.size,
        content_hash,
        record.mime_type,
        record.original_name,
        lambda start, length: store.open(content_hash, start, length),
        renewed=store.was_damaged(content_hash),
    )
    response = serve(request, content)
    if verified:
        response.headers["Cache-Control"] = "no-store"  # who asks again wants it looked at again
    return response


@blueprint.get("/cache/<content_hash>/metadata")
def metadata(content_hash: str) -> Response:
    """What is known of it since it first came."""
    told = to_bytes(services().store.find(content_hash).to_json())
    tag = hashlib.sha256(told).hexdigest()
    return serve(request, Content.of_bytes(told, tag, "application/json", f"{content_hash}.json"))
