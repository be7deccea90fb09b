"""What the proxy says by itself: the JSON of the contract, one row for each error."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from .errors import (
    BadRequestError,
    BodyTooLargeError,
    BrokenOffError,
    ClientTooSlowError,
    ProxyError,
    TooSlowError,
    UnreachableError,
)
from .headers import REQUEST_ID, Headers
from .upstream import Unavailable, Upstream


@dataclass(frozen=True, slots=True)
class Answer:
    """One of our own answers. ``retry_after_s`` in seconds, ``None`` for no Retry-After; ``details`` are extra fields.

    ``close`` ends the client's connection: bytes of the request are left on it, or nobody knows where it ends.
    """

    status: int
    code: str
    error: str
    message: str
    suggestion: str
    retry_after_s: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    close: bool = False

    def body(self, request_id: str, now: datetime) -> bytes:
        """The JSON, after CONTRACT §3. ``now`` is in UTC."""
        fields: dict[str, object] = {
            **self.details,
            "error": self.error,
            "message": self.message,
            "suggestion": self.suggestion,
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "status": self.status,
            "code": self.code,
            "requestId": request_id,
        }
        return json.dumps(fields, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")

    def headers(self, request_id: str, length: int, *, close: bool) -> Headers:
        """The header fields, without Date. Retry-After is in whole seconds, at least one (RFC 9110 §10.2.3)."""
        fields = [
            (b"content-type", b"application/json"),
            (b"content-length", str(length).encode()),
            (b"cache-control", b"no-store"),
            (REQUEST_ID, request_id.encode()),
        ]
        if self.retry_after_s is not None:
            fields.append((b"retry-after", str(max(1, math.ceil(self.retry_after_s))).encode()))
        if close:
            fields.append((b"connection", b"close"))
        return fields

    def written(self, request_id: str, *, dated: bool, close: bool = False) -> tuple[Headers, bytes]:
        """Header fields and body as of now. ``dated``: with Date, which some servers add by themselves."""
        now = datetime.now(UTC)
        body = self.body(request_id, now)
        fields = self.headers(request_id, len(body), close=close)
        if dated:
            fields.append((b"date", format_datetime(now, usegmt=True).encode()))  # RFC 9110 §5.6.7
        return fields, body


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    code: str
    error: str
    suggestion: str
    retry_after_s: float | None = None
    close: bool = False


_ROWS: Mapping[type[ProxyError], _Row] = {
    BadRequestError: _Row(
        400, "invalid_request", "Invalid request", "Correct the request; it was not forwarded", close=True
    ),
    ClientTooSlowError: _Row(
        408,
        "request_timeout",
        "Request timed out",
        "Send the body without pauses; if a middleware of the host has read the body already, put the proxy before it",
        close=True,
    ),
    BodyTooLargeError: _Row(
        413, "payload_too_large", "Request body too large", "Send a smaller file, or raise the limit", close=True
    ),
    BrokenOffError: _Row(502, "upstream_failed", "Flask server failed", "Try again; the log of the sidecar tells more"),
    UnreachableError: _Row(
        503, "sidecar_unavailable", "Flask server unavailable", "Try again; it may just be restarting", retry_after_s=1
    ),
    TooSlowError: _Row(504, "upstream_timeout", "Flask server timed out", "Try again later, or with a smaller file"),
}


def for_error(error: ProxyError) -> Answer:
    """The answer for an error that a client can still be told. Raises ``KeyError`` for one that it cannot."""
    row = _ROWS[type(error)]
    return Answer(
        row.status, row.code, row.error, str(error), row.suggestion, row.retry_after_s, error.details, row.close
    )


def for_failure(error: ProxyError, upstream: Upstream) -> Answer:
    """The same, in the words of an upstream that by now knows why it could not be reached."""
    why = upstream.why_not_ready() if isinstance(error, UnreachableError) else None
    return for_error(error) if why is None else not_ready(why)


def not_ready(why: Unavailable) -> Answer:
    """503, in the upstream's own words."""
    return Answer(
        503, "sidecar_unavailable", why.error, why.message, why.suggestion, why.retry_after_s, dict(why.details)
    )


NOT_FOUND = Answer(404, "not_found", "Not found", "Nothing is served at this path", "Check the path of the request")
NO_WEBSOCKET = Answer(
    400, "invalid_request", "Invalid request", "This path does not speak WebSocket", "Use plain HTTP requests"
)
