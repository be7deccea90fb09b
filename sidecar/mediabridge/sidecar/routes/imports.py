"""`POST /api/upload`, `POST /api/import-path`: files become a job of the library. `GET /api/worker-health`."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from flask import Blueprint, Response, request, url_for

from mediabridge.sidecar import errors
from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.faults import URL, Fault, InvalidRequest, UnsupportedMedia
from mediabridge.sidecar.jobs.health import SILENT, look
from mediabridge.sidecar.library.importing.roots import readable
from mediabridge.sidecar.library.importing.types import judge
from mediabridge.sidecar.services import Services, services
from mediabridge.sidecar.storage.names import sanitise
from mediabridge.sidecar.storage.record import Label

from .sent import json_sent
from .upload import Upload, incoming, many_files

blueprint = Blueprint("imports", __name__)
_BLOCK = 1024 * 1024
_TRY = f"Try: curl -H 'Content-Type: application/json' -d '{{\"path\": \"/photos\"}}' {URL}/api/import-path"


@blueprint.post("/api/upload")
def upload() -> Response:
    """Store files, and import them. One that cannot be stored does not keep the others from it."""
    parts = services()
    stored: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    first: Fault | None = None
    with incoming(request, "files", parts.forms.batch) as form:
        for file in many_files(form):
            try:
                stored.append(_store(parts, file))
            except Fault as problem:
                first = first or problem
                code = errors.kind_of(problem).code
                refused.append({"name": file.name, "code": code, "message": problem.message})
    if first is not None and not stored:
        raise first
    return _accepted(parts, {"uploads": stored}, {"accepted": len(stored), "refused": refused})


@blueprint.post("/api/import-path")
def import_path() -> Response:
    """Import a folder of the server's, below IMPORT_ROOTS."""
    asked = json_sent()
    if not isinstance(asked, dict) or not isinstance(asked.get("path"), str):
        msg = "path: the body must be a JSON object that names a folder."
        raise InvalidRequest(msg, _TRY)
    if others := sorted(set(asked) - {"path"}):
        msg = f"{others[0][:64]}: there is no such field (there is path)."
        raise InvalidRequest(msg, _TRY)
    parts = services()
    folder = os.fspath(readable(asked["path"], parts.import_roots))
    key = hashlib.sha256(os.fsencode(folder)).hexdigest()  # its name may be no text
    return _accepted(parts, {"path": folder}, {}, key=f"import:{key}")


@blueprint.get("/api/worker-health")
def worker_health() -> Response:
    """The workers themselves: are they there, do they move? 503 when there is none."""
    told = look(services().queue)
    return answer(told, 503 if told["status"] == SILENT else 200)


def _store(parts: Services, file: Upload) -> dict[str, Any]:
    # Before it is kept: somebody else may be promised the same bytes, and then they must stay.
    if not file.size:
        msg = f"files: {file.name} is empty (0 bytes)."
        raise InvalidRequest(msg, "Check the file on your side; it may not have been written completely.")
    if judge(os.fspath(file.path), file.size, file.name) is None:
        msg = f"{file.name}: it is no picture and no video."
        raise UnsupportedMedia(msg, "Store other files with POST /upload.", supported=("image/*", "video/*"))
    kept_in = parts.store.accept(Label(sanitise(file.name)), parts.max_bytes, file.size)
    try:
        with file.path.open("rb") as source:
            while block := source.read(_BLOCK):
                kept_in.write(block)
        record = parts.store.keep(kept_in).record
    finally:
        kept_in.close()
    return {"contentHash": record.content_hash, "name": sanitise(file.name), "size": record.size}


def _accepted(parts: Services, payload: dict[str, Any], more: dict[str, Any], key: str | None = None) -> Response:
    from mediabridge.sidecar.library import jobs  # noqa: PLC0415  SQLAlchemy, which most sidecars never need

    job = parts.queue.submit("import", payload, key)
    parts.library.write(lambda session: jobs.begin(session, job.id, "import", payload))
    response = answer({"jobId": job.id, "status": job.status, **more}, 202)
    response.headers["Location"] = url_for("library.jobs-one", job_id=job.id)
    return response
