"""The operator's own model under `/api/deepfake`: feedback, figures, retraining, golden set, versions, deletion."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, request

from mediabridge.sidecar import analyses
from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.deepfake.model import card
from mediabridge.sidecar.deepfake.model.guards import WORDS
from mediabridge.sidecar.deepfake.model.labels import Given
from mediabridge.sidecar.deepfake.model.operators import HEADER, Caller
from mediabridge.sidecar.deepfake.model.service import ModelService
from mediabridge.sidecar.deepfake.model.store import DOMAINS
from mediabridge.sidecar.faults import URL, InvalidRequest
from mediabridge.sidecar.services import services

from .sent import json_sent

blueprint = Blueprint("deepfake_model", __name__, url_prefix="/api/deepfake")
_EXAMPLES = {  # by the end of the address: a body that works
    "feedback": '{"analysisId": "...", "label": "fake"}',
    "decide": '{"decision": "accept"}',
    "retrain": '{"domain": "image"}',
    "rollback": '{"version": "3"}',
}
_LABELS = ("real", "fake")
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}")
_USUAL_WAITING, _MOST_WAITING = 100, 500
_MOST_ID = 2**63 - 1
_MOST_BODY = 64 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")
_OPERATOR, _ANYBODY = "operator", "anonymous"
_STATUS = {"accepted": 201, "golden": 201, "quarantined": 202, "conflict": 202, "duplicate": 200}


@blueprint.post("/feedback")
def feedback() -> Response:
    """A label for an analysed file; with `golden` the file joins the golden set."""
    asked = _body()
    analysis, label = _text(asked, "analysisId"), _choice(asked.get("label"), "label", _LABELS)
    golden, as_operator = _flag(asked, "golden"), _flag(asked, "operator")
    labeler = _text(asked, "labeler", optional=True)
    source = _text(asked, "source", optional=True)
    if golden or as_operator:
        _operator_only()
    vouched = _is_operator()
    operator = as_operator or (labeler is None and vouched)
    who = labeler or (_OPERATOR if operator or golden else _ANYBODY)
    if golden:
        given = _model().freeze(analysis, label, who)  # type: ignore[arg-type]
    else:
        given = _model().feedback(
            analysis,
            label,  # type: ignore[arg-type]
            who,
            operator=operator,
            source=source,
            vouched=vouched,
        )
    return answer(_told(given, analysis, label, who), _STATUS[given.status])


@blueprint.get("/feedback")
def waiting() -> Response:
    """Labels that wait for the operator, the newest first: `?limit=`, `?before=` an id, `?reason=`."""
    _operator_only()
    reason = request.args.get("reason")
    if reason is not None:
        _choice(reason, "reason", tuple(WORDS))
    limit = _number("limit", _MOST_WAITING) or _USUAL_WAITING
    found, more = _model().waiting(limit, _number("before", _MOST_ID), reason)
    return answer({"waiting": found, "next": more})


@blueprint.post("/feedback/<int:label_id>")
def decide(label_id: int) -> Response:
    """The operator's word on a label: `{"decision": "accept" | "remove"}`."""
    _operator_only()
    decision = _choice(_body().get("decision"), "decision", ("accept", "remove"))
    return answer(_model().decide(label_id, accept=decision == "accept"))


@blueprint.delete("/feedback/<int:label_id>")
def withdraw(label_id: int) -> Response:
    """Remove a label."""
    _operator_only()
    return answer(_model().decide(label_id, accept=False))


@blueprint.get("/stats")
def stats() -> Response:
    """Figures, and the readiness probe: no model is no fault."""
    return answer(_model().stats(_domain()))


@blueprint.get("/model-card")
def model_card() -> Response:
    """The model card, as JSON or, when asked for `text/markdown` or `?format=markdown`, to read."""
    told = _model().card(_domain())
    types = ["application/json", "text/markdown"]
    wanted = request.args.get("format") or request.accept_mimetypes.best_match(types, types[0])
    if _choice(str(wanted).rpartition("/")[2], "format", ("json", "markdown")) == "markdown":
        return Response(card.markdown(told), mimetype="text/markdown")
    return answer(told)


@blueprint.post("/retrain")
def retrain() -> Response:
    """Have a challenger trained and judged, as a job."""
    _operator_only()
    domain = _choice(_body().get("domain", DOMAINS[0]), "domain", DOMAINS)
    job = _model().start(domain)
    response = answer({"jobId": job, "domain": domain, "status": "queued"}, 202)
    response.headers["Location"] = f"/api/jobs/{job}"
    response.headers["Retry-After"] = "1"
    return response


@blueprint.get("/models")
def models() -> Response:
    """All versions that are kept."""
    return answer({"models": _model().models(_domain())})


@blueprint.post("/rollback")
def rollback() -> Response:
    """Make an older version speak again: `{"version": "3"}`."""
    _operator_only()
    version = str(_body().get("version", ""))
    if not re.fullmatch(r"[0-9]{1,9}", version, re.ASCII):
        msg = "version: it is the number of a model, as GET /api/deepfake/models lists them."
        raise InvalidRequest(msg, _example())
    return answer({"model": _model().rollback(int(version))})


@blueprint.get("/golden")
def golden() -> Response:
    """The golden set."""
    _operator_only()
    files = _model().golden(_domain())
    return answer({"golden": files, "count": len(files)})


@blueprint.delete("/golden/<sha256>")
def thaw(sha256: str) -> Response:
    """Take a file out of the golden set."""
    _operator_only()
    _model().thaw(_hash(sha256))
    return Response(status=204)


@blueprint.delete("/samples/<sha256>")
def forget(sha256: str) -> Response:
    """Remove all that is kept of a file: features, analyses, labels, its place in the golden set, cached answers."""
    _operator_only()
    parts = services()
    analyses.forget(parts, _hash(sha256))  # first, so that none that runs keeps it again
    removed = parts.model.forget(sha256)
    parts.analyst.forget(sha256)
    return answer({"sha256": sha256, "removed": removed})


def _model() -> ModelService:
    return services().model


def _is_operator() -> bool:
    told = request.headers.get
    caller = Caller(
        token=told(HEADER),
        hops=told("X-Forwarded-For"),
        ignored=told("X-Forwarded-Ignored"),
        peer=request.remote_addr,
        host=told("Host"),
        forwarded_host=told("X-Forwarded-Host"),
        origin=told("Origin"),
        fetch_site=told("Sec-Fetch-Site"),
    )
    return services().operators.is_operator(caller)


def _operator_only() -> None:
    if not _is_operator():
        raise services().operators.refusal()


def _told(given: Given, analysis: str, label: str, labeler: str) -> dict[str, Any]:
    return {
        "feedbackId": given.id,
        "status": given.status,
        "reason": given.reason,
        "explanation": given.explanation,
        "analysisId": analysis,
        "label": label,
        "labeler": labeler,
    }


def _body() -> dict[str, Any]:
    if not request.content_length:
        return {}
    asked = json_sent(_MOST_BODY)
    if not isinstance(asked, dict):
        msg = "The body must be a JSON object."
        raise InvalidRequest(msg, _example())
    return asked


def _text(asked: dict[str, Any], name: str, *, optional: bool = False) -> Any:
    value = asked.get(name)
    if value is None and optional:
        return None
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        msg = f"{name}: it must be a text of 1 to 100 characters."
        raise InvalidRequest(msg, _example())
    return value


def _number(name: str, most: int) -> int | None:
    """A whole number from 1 on in the query; None without one."""
    given = request.args.get(name)
    if given is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", given, re.ASCII) or not 1 <= int(given) <= most:
        msg = f"{name}: it must be a whole number from 1 to {most}."
        raise InvalidRequest(msg, _example())
    return int(given)


def _flag(asked: dict[str, Any], name: str) -> bool:
    value = asked.get(name, False)
    if not isinstance(value, bool):
        msg = f"{name}: it must be true or false."
        raise InvalidRequest(msg, _example())
    return value


def _choice(value: object, name: str, words: tuple[str, ...]) -> str:
    if value not in words or not isinstance(value, str):
        msg = f"{name}: it must be one of {', '.join(words)}."
        raise InvalidRequest(msg, _example())
    return value


def _example() -> str:
    """The same request, as it works."""
    name = str(request.endpoint).rpartition(".")[2]
    if request.method == "GET":
        return f"Try: curl {URL}{request.path}"
    body = _EXAMPLES[name]
    return f"Try: curl -H 'Content-Type: application/json' -d '{body}' {URL}{request.path}"


def _domain() -> str:
    return _choice(request.args.get("domain", DOMAINS[0]), "domain", DOMAINS)


def _hash(word: str) -> str:
    if not _SHA256.fullmatch(word):
        msg = "sha256: it must be 64 hexadecimal digits in lower case."
        raise InvalidRequest(msg, "Take it from the answer of POST /api/deepfake/analyze.")
    return word
