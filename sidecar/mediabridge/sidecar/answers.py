"""JSON answers for Flask: strict JSON in UTF-8, ExifTool's order of keys kept."""

from __future__ import annotations

import json
import re

from flask import Response, request

from . import requestid
from .errors import Kind, describe, error_object, kind_of
from .faults import Fault, RangeUnsatisfiable

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?", re.ASCII)
DEFAULT_URL = "http://127.0.0.1:8080"  # where the proxy listens by default (CONTRACT §2)


def to_bytes(payload: object) -> bytes:
    """Strict JSON. What cannot be written in UTF-8 (a lone surrogate) becomes `?`. Raises `ValueError` for NaN."""
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


def answer(payload: object, status: int = 200) -> Response:
    """A JSON response."""
    return Response(to_bytes(payload), status, mimetype="application/json")


def url_of(host: str | None) -> str:
    """The address under which the client reached us, from its Host header, for the commands that suggestions name."""
    return f"http://{host}" if host and _HOST.fullmatch(host) else DEFAULT_URL


def fault_answer(fault: Fault) -> Response:
    """The answer to a fault, in the shape of CONTRACT §3."""
    kind = kind_of(fault)
    payload = describe(fault, request_id=requestid.current.get(), url=url_of(request.headers.get("Host")))
    response = _with_retry(answer(payload, kind.status), kind)
    if isinstance(fault, RangeUnsatisfiable):
        response.headers["Content-Range"] = f"bytes */{fault.size}"
    return response


def error_answer(kind: Kind, message: str, suggestion: str, status: int | None = None) -> Response:
    """The answer to an error that is no fault: an unknown path, a wrong method, a bug."""
    payload = error_object(
        kind,
        message,
        suggestion,
        request_id=requestid.current.get(),
        url=url_of(request.headers.get("Host")),
        status=status,
    )
    return answer(payload, status or kind.status)


def _with_retry(response: Response, kind: Kind) -> Response:
    if kind.retry_after_s is not None:
        response.headers["Retry-After"] = str(kind.retry_after_s)
    return response
