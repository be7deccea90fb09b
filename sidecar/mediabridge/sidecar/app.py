"""The Flask app: blueprints, what happens around each request, and the one border where errors become answers."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from . import errors, requestid
from .answers import error_answer, fault_answer
from .events import emit
from .faults import TRY_CURL, ClientGone, Fault
from .routes import (
    deepfake,
    deepfake_model,
    extract,
    health,
    imports,
    jobs,
    library,
    presets,
    processor,
    status,
    texts,
    video,
)
from .services import Services, attach, services

_log = logging.getLogger("mediabridge.sidecar.request")
_SERVER_ERROR = 500
_EXTRACT = "/api/extract"


def create_app(parts: Services) -> Flask:
    """The app on services that are already built; whoever built them closes them."""
    app = Flask("mediabridge.sidecar", static_folder=None)
    attach(app.extensions, parts)
    app.before_request(_open)
    app.after_request(_finish)
    app.teardown_request(_close)
    app.register_error_handler(Fault, _fault)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(extract.blueprint)
    app.register_blueprint(deepfake.blueprint)
    app.register_blueprint(deepfake_model.blueprint)
    app.register_blueprint(status.blueprint)
    app.register_blueprint(processor.blueprint)
    app.register_blueprint(presets.blueprint)
    app.register_blueprint(jobs.blueprint)
    app.register_blueprint(video.blueprint)
    app.register_blueprint(texts.blueprint)
    app.register_blueprint(library.blueprint)
    app.register_blueprint(imports.blueprint)
    return app


def _open() -> None:
    """Before each request: its id, its clock, and whether the caller may ask at all."""
    g.started = time.monotonic()
    requestid.current.set(requestid.choose(request.headers.get(requestid.HEADER)))
    headers = {name.upper().replace("-", "_"): value for name, value in request.headers.items()}
    refused = services().guard.check(headers)
    if refused is not None:
        emit(_log, logging.WARNING, "security.refused", refused.message, path=request.path)
        raise refused


def _finish(response: Response) -> Response:
    """After each request, answered or refused: headers for every answer, and its line in the log."""
    response.headers[requestid.HEADER] = requestid.current.get()
    response.headers.setdefault("Cache-Control", "no-store")
    elapsed_ms = (time.monotonic() - g.started) * 1000
    level = logging.WARNING if response.status_code >= _SERVER_ERROR else logging.INFO
    if request.path == "/health":
        level = logging.DEBUG  # asked twice a second
    size = response.content_length or (not response.is_streamed and response.calculate_content_length()) or 0
    words = f"{request.method} {request.path} {response.status_code} {elapsed_ms:.1f} ms {size} bytes"
    emit(
        _log,
        level,
        "request.finished",
        words,
        method=request.method,
        path=request.path,
        status=response.status_code,
        elapsedMs=round(elapsed_ms, 1),
        bytes=size,
    )
    return response


def _close(_problem: BaseException | None) -> None:
    requestid.current.set("-")  # the thread's next log line is of no request


def _fault(fault: Fault) -> Response:
    if isinstance(fault, ClientGone):
        _log.info("%s", fault.message)
    return fault_answer(fault)


def _http_error(problem: HTTPException) -> Response:
    status = problem.code or _SERVER_ERROR
    allow = dict(problem.get_headers()).get("Allow")
    suggestion = TRY_CURL
    if status == errors.NOT_FOUND.status:
        kind, message = errors.NOT_FOUND, f"There is nothing at {request.path!r}."
    elif status == errors.METHOD_NOT_ALLOWED.status:
        kind, message = errors.METHOD_NOT_ALLOWED, f"{request.path!r} does not answer {request.method}."
        if allow and not request.path.startswith(_EXTRACT):
            suggestion = f"It answers {', '.join(sorted({*allow.split(', ')} - {'HEAD', 'OPTIONS'}))}."
    else:
        kind, message = errors.INVALID_REQUEST, problem.description or problem.name
    response = error_answer(kind, message, suggestion, status)
    if allow:
        response.headers["Allow"] = allow
    return response


def _unexpected(problem: Exception) -> Response:
    """The border: a bug is logged with its traceback under the request's id, and answered without it."""
    words = f"unexpected error in {request.method} {request.path}"
    emit(_log, logging.ERROR, "error.unexpected", words, trace=problem, kind=type(problem).__name__)
    return error_answer(
        errors.UNEXPECTED,
        "The sidecar met an error that it did not expect.",
        f"Report it with the request id {requestid.current.get()}; the log has the details under it.",
    )
