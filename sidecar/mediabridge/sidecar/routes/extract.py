"""`POST /api/extract`, `/api/extract/batch`, `/api/extract/advanced`, and `GET /api/extract/health`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

from flask import Blueprint, Response, request

from mediabridge.sidecar.analysis.analyse import analyse
from mediabridge.sidecar.analysis.model import Facts
from mediabridge.sidecar.answers import answer, to_bytes, url_of
from mediabridge.sidecar.extraction import engine, fallback, health
from mediabridge.sidecar.extraction.answer import answer_for, check, elapsed_ms, payload
from mediabridge.sidecar.extraction.batch import Batch, Result
from mediabridge.sidecar.form import Form
from mediabridge.sidecar.limits import Tier, check_advanced, find_tier
from mediabridge.sidecar.services import services

from .upload import incoming, many_files, one_file

NDJSON = "application/x-ndjson"
blueprint = Blueprint("extract", __name__, url_prefix="/api/extract")


@blueprint.post("")
def extract_one() -> Response:
    """All that one uploaded file says about itself, as far as the tier sees it."""
    started = time.monotonic()
    parts = services()
    with incoming(request, "file", parts.forms.single) as form:
        told = answer_for(one_file(form), _tier(form), parts.read, started=started, gone=_client_gone())
    return answer(told)


@blueprint.post("/advanced")
def extract_advanced() -> Response:
    """The same, and what the file's bytes, dates, traces and pixels tell beyond its tags."""
    started, received_at = time.monotonic(), datetime.now(UTC)
    parts, gone = services(), _client_gone()
    with incoming(request, "file", parts.forms.single) as form:
        upload, tier = one_file(form), _tier(form)
        check_advanced(tier)
        check(upload, tier)
        reading, cached = parts.read(upload, gone)
        told = payload(upload, tier, reading, cached=cached, started=started)
        facts = Facts(upload.name, upload.extension, upload.sha256, received_at)
        found = analyse(upload.path, reading.metadata, facts, parts.runner, gone=gone)
    return answer({**told, "elapsedMs": elapsed_ms(started), "analysis": found.to_json()})


@blueprint.post("/batch")
def extract_batch() -> Response:
    """The same for many files, each for itself; as one JSON object, or a line per file as soon as it is done."""
    parts = services()
    with ExitStack() as stack:
        form = stack.enter_context(incoming(request, "files", parts.forms.batch))
        uploads = many_files(form)
        batch = Batch(
            files=uploads,
            tier=_tier(form),
            read=parts.read,
            threads=min(len(uploads), parts.engine.size + 1),  # one more than can be read: the next file is prepared
            url=url_of(request.headers.get("Host")),
            gone=_client_gone(),
        )
        lines = request.accept_mimetypes.best_match(["application/json", NDJSON]) == NDJSON
        response = Response(_lines(batch), mimetype=NDJSON) if lines else Response(_object(batch))
        response.mimetype = NDJSON if lines else "application/json"
        response.implicit_sequence_conversion = False  # nobody may collect it to learn its length
        response.call_on_close(stack.pop_all().close)
    return response


def _lines(batch: Batch) -> Iterator[bytes]:
    for result in batch.results(in_order=False):
        yield to_bytes(result.answer)


def _object(batch: Batch) -> Iterator[bytes]:
    """`{"results": [...], "succeeded": n, "failed": n}`, sent as it grows: no proxy waits in silence."""
    counts = {True: 0, False: 0}
    yield b'{"results":['
    for result in batch.results(in_order=True):
        counts[result.succeeded] += 1
        yield (b"," if sum(counts.values()) > 1 else b"") + _text(result)
    yield b'],"succeeded":%d,"failed":%d}\n' % (counts[True], counts[False])


def _text(result: Result) -> bytes:
    return to_bytes(result.answer).rstrip(b"\n")


def _tier(form: Form) -> Tier:
    return find_tier(services().tiers, form.fields.get("tier") or request.args.get("tier", ""))


def _client_gone() -> Callable[[], bool] | None:
    """Waitress's own word on whether the client is still connected; other servers have none."""
    return request.environ.get("waitress.client_disconnected")


def _engine(found: health.Health) -> dict[str, object]:
    parts = services()
    if found.status != "ok" and parts.engine.state in ("missing", "down"):
        return {"name": fallback.NAME, "version": parts.version, "path": None}
    return {"name": engine.NAME, "version": parts.engine.version, "path": parts.exiftool_path()}


@blueprint.get("/health")
def extract_health() -> Response:
    """Whether extraction works, by a real extraction; 503 when it does not."""
    started = time.monotonic()
    parts = services()
    found = health.check(parts.engine, parts.health_sample, parts.health_timeout_s)
    payload: dict[str, object] = {
        "status": found.status,
        "engine": _engine(found),
        "pool": parts.engine.stats().as_json(),
        "elapsedMs": elapsed_ms(started),
    }
    if found.reason:
        payload["reason"] = found.reason
    return answer(payload, 503 if found.status == "down" else 200)
