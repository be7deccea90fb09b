"""`POST /api/deepfake/analyze`."""

from __future__ import annotations

from flask import Blueprint, Response, request

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.deepfake import DEPTHS, Depth
from mediabridge.sidecar.faults import URL, InvalidRequest
from mediabridge.sidecar.form import Form
from mediabridge.sidecar.services import services

from .upload import incoming, one_file

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
        gone = request.environ.get("waitress.client_disconnected")
        told = parts.analyst.analyse(upload, depth, maps=maps, gone=gone)
    return answer(told)


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
