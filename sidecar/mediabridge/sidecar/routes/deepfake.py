"""`POST /api/deepfake/analyze`, and `GET /api/deepfake/analyses/{jobId}` for those in full depth."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from mediabridge.sidecar import analyses, requestid
from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.deepfake import DEPTHS, Depth
from mediabridge.sidecar.faults import URL, Conflict, Fault, InvalidRequest, JobUnknown
from mediabridge.sidecar.form import Form
from mediabridge.sidecar.jobs.job import Job
from mediabridge.sidecar.services import Services, services

from .jobs import accepted
from .upload import Upload, incoming, one_file

_LONGEST_ID = 64
_TRY = f"Try: curl -F file=@photo.jpg -F depth=full -F maps=true {URL}/api/deepfake/analyze"
_FLAGS = {"": False, "false": False, "0": False, "no": False, "off": False}
_FLAGS |= {"true": True, "1": True, "yes": True, "on": True}
blueprint = Blueprint("deepfake", __name__, url_prefix="/api/deepfake")


@blueprint.post("/analyze")
def analyze() -> Response:
    """What speaks for and against an uploaded picture or video being authentic."""
    parts = services()
    with incoming(request, "file", parts.forms.single) as form:
        upload, depth, maps = one_file(form), _depth(form), _maps(form)
        if depth == "full" and parts.queue.figures()["workers"]:
            return _queued(parts, upload, maps=maps)
        gone = request.environ.get("waitress.client_disconnected")
        told = parts.analyst.analyse(upload, depth, maps=maps, gone=gone)
    return answer(told)


@blueprint.get("/analyses/<job_id>")
def analysis(job_id: str) -> Response:
    """What a full analysis says, once it is done; 202 until then."""
    parts = services()
    job = parts.queue.get(job_id[:_LONGEST_ID])
    if job is None or job.kind != analyses.KIND:
        msg = f"There is no analysis {job_id[:_LONGEST_ID]!r}."
        raise JobUnknown(msg)
    if job.status == "completed":
        return answer(analyses.told(parts, job))
    if job.status == "failed":
        raise analyses.failure(parts, job)
    if job.status == "cancelled":
        msg = "The analysis was cancelled."
        raise Conflict(msg, "Send the file again.")
    return _accepted(job)


def _queued(parts: Services, upload: Upload, *, maps: bool) -> Response:
    """A full analysis takes longer than a request should. The file is held until it is done."""
    held = parts.held.keep(upload.path)
    asked = {"held": held, "name": upload.name, "sha256": upload.sha256, "maps": maps}
    key = f"{analyses.KIND}:{upload.sha256}:{upload.extension}:{maps}"
    try:
        job = parts.queue.submit(analyses.KIND, {**asked, "requestId": requestid.current.get()}, key)
    except Fault:
        parts.held.drop(held)
        raise
    if job.payload["held"] != held:  # the same analysis is under way
        parts.held.drop(held)
    return _accepted(job)


def _accepted(job: Job) -> Response:
    response = accepted(job)
    response.headers["Location"] = url_for("deepfake.analysis", job_id=job.id)
    return response


def _depth(form: Form) -> Depth:
    word = _field(form, "depth").lower() or DEPTHS[0]
    found = next((depth for depth in DEPTHS if depth == word), None)
    if found is None:
        msg = f"depth: it is one of {', '.join(DEPTHS)}; it is {word[:40]!r}."
        raise InvalidRequest(msg, _TRY)
    return found


def _maps(form: Form) -> bool:
    word = _field(form, "maps").lower()
    if word not in _FLAGS:
        msg = f"maps: it is true or false; it is {word[:40]!r}."
        raise InvalidRequest(msg, _TRY)
    return _FLAGS[word]


def _field(form: Form, name: str) -> str:
    return (form.fields.get(name) or request.args.get(name, "")).strip()
