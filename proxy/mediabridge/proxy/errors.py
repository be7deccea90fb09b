"""Everything that can end a proxied request before its regular end, and what each is called in the log.

ProxyError
├── ClientError
│   ├── BadRequestError        400
│   ├── BodyTooLargeError      413
│   ├── ClientTooSlowError     408
│   └── ClientGoneError        no answer; 499 in the log
├── UpstreamError
│   ├── UnreachableError       503
│   ├── BrokenOffError         502
│   └── TooSlowError           504
└── ResponseAbortedError       raised to the ASGI server: drop this connection
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """How a request ended."""

    OK = "ok"
    NOT_READY = "not_ready"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    CLIENT_GONE = "client_gone"
    CLIENT_TOO_SLOW = "client_too_slow"
    UNREACHABLE = "unreachable"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    SERVER_ERROR = "server_error"  # the ASGI server or a middleware raised


class ProxyError(Exception):
    """Root of the proxy's errors. The text is for people; ``details`` are extra fields of the JSON answer."""

    outcome: ClassVar[Outcome] = Outcome.SERVER_ERROR
    details: Mapping[str, object] = {}


class ClientError(ProxyError):
    """The client's side ended it."""


class BadRequestError(ClientError):
    """Malformed, or framed in a way that two servers may read differently."""

    outcome = Outcome.REFUSED


class BodyTooLargeError(ClientError):
    """The request's body is over the limit, in bytes."""

    outcome = Outcome.TOO_LARGE

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body is larger than the limit of {limit} bytes")
        self.details = {"limitBytes": limit}


class ClientTooSlowError(ClientError):
    """The client stopped in the middle of its upload."""

    outcome = Outcome.CLIENT_TOO_SLOW


class ClientGoneError(ClientError):
    """The client left."""

    outcome = Outcome.CLIENT_GONE


class UpstreamError(ProxyError):
    """The upstream's side ended it."""


class UnreachableError(UpstreamError):
    """No connection could be made."""

    outcome = Outcome.UNREACHABLE


class BrokenOffError(UpstreamError):
    """The connection ended, or stopped being HTTP, before the response was complete."""

    outcome = Outcome.UPSTREAM_FAILED


class TooSlowError(UpstreamError):
    """The upstream did not connect, answer or go on in time."""

    outcome = Outcome.UPSTREAM_TIMEOUT


class ResponseAbortedError(ProxyError):
    """A response that had begun cannot be completed.

    It is raised through the ASGI server because that alone makes every server, behind every middleware, drop the
    connection instead of ending the body cleanly. ``hide_aborts`` keeps its traceback out of the log.
    """
