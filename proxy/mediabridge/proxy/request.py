"""What the client asked, read once from an ASGI scope, and the head that goes upstream for it."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from . import framing, headers
from .errors import BadRequestError, BodyTooLargeError
from .framing import BodyLength
from .headers import Header
from .request_id import new_request_id
from .trusted import Trusted
from .upstream import Endpoint

Scope = MutableMapping[str, Any]

# RFC 9110 §9.2.2: sending one of these twice is as good as once. Others are never repeated.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
# A longer Host is not remembered: who sends it chooses what is kept.
_HOST_SIZE = 255
_NONE: Sequence[bytes] = ()
_NOTHING: Mapping[str, Any] = {}


def raw_path_of(scope: Scope) -> bytes:
    """The path as it came. Servers that do not say (``raw_path`` is optional in ASGI) get it encoded again."""
    raw: bytes | None = scope.get("raw_path")
    return raw if raw is not None else quote(scope["path"], safe="/!$&'()*+,;=:@~").encode()


class Request:
    """One request. Reading never raises; ``check()`` does, and nothing may be forwarded before it.

    ``length`` is the body's (see ``framing``); it is ``0`` for a request that ``check()`` will refuse. ``kept`` are the
    lines of the fields that may go upstream, ``noted`` the values of those that matter here. ``own`` are the
    endpoint's own headers, ``offered`` the ASGI server's extensions.
    """

    expects_continue = False
    has_empty_query = False  # `/x?` is another target than `/x`; ASGI does not tell them apart
    problem: BadRequestError | None = None
    largest_body: int | None = None  # bytes; set by `check`

    def __init__(self, scope: Scope, path: bytes, own: tuple[Header, ...] = ()) -> None:
        self.method: str = scope.get("method", "GET")  # a WebSocket handshake has none
        self.path = path
        self.query: bytes = scope.get("query_string", b"")
        self.http_version: str = scope.get("http_version", "1.1")
        self.scheme: str = scope.get("scheme", "http")
        self.offered: Mapping[str, Any] = scope.get("extensions") or _NOTHING
        client = scope.get("client")
        self.peer: str | None = client[0] if client else None
        self.kept: list[bytes] = []
        self.noted: dict[bytes, list[bytes]] = {}
        self.length: BodyLength = 0
        self._read_headers(scope["headers"], headers.rules_beside(own))
        self._read_framing()
        given = self.noted.get(headers.REQUEST_ID)
        self.request_id = (headers.sane_request_id(given) if given else None) or new_request_id()

    def _read_headers(self, pairs: Iterable[Header], rules: Mapping[bytes, int]) -> None:
        kept, noted = self.kept, self.noted
        for name, value in pairs:
            rule = rules[name]
            if rule == headers.KEEP:
                kept.append(name + b": " + value)
                continue
            if rule == headers.REFUSE:
                self.problem = BadRequestError("The name of a header of the request is not a token")
            elif rule == headers.KEEP_AND_NOTE and not (name == b"content-length" and name in noted):
                kept.append(name + b": " + value)
            if rule != headers.DROP:
                noted.setdefault(name, []).append(value)

    def _read_framing(self) -> None:
        noted = self.noted
        lengths, codings = noted.get(b"content-length", _NONE), noted.get(b"transfer-encoding", _NONE)
        try:
            self.length = framing.body_length(lengths, codings, self.http_version)
        except BadRequestError as problem:
            self.problem = problem
        if b"expect" in noted:
            self._read_expectation(noted[b"expect"][0])

    def _read_expectation(self, value: bytes) -> None:
        self.expects_continue = self.length != 0 and b"100-continue" in value.lower()
        if self.length == 0:  # without a body there is nothing to go on with (RFC 9110 §10.1.1); waitress waits for it
            self.kept = headers.without(frozenset({b"expect"}), self.kept)

    def make_room(self, own: tuple[Header, ...]) -> None:
        """Drop what the client says under the names of these fields; for an endpoint that was not known before."""
        rules = headers.rules_beside(own)
        self.kept = [line for line in self.kept if rules[line.partition(b":")[0]] != headers.DROP]

    def check(self, max_body: int | None = None) -> None:
        """Raise ``BadRequestError`` or ``BodyTooLargeError`` for what must not be forwarded. ``max_body`` in bytes.

        The limit holds for the body as it arrives as well.
        """
        self.largest_body = max_body
        if self.problem is not None:
            raise self.problem
        framing.check_request_line(self.method, self.path, self.query)
        if self.length is None and self.asks_for_upgrade:
            raise BadRequestError("The request asks for another protocol while it sends a chunked body")
        hosts = len(self.noted.get(b"host", _NONE))
        if hosts > 1 or (hosts == 0 and self.http_version == "1.1"):
            raise BadRequestError("The request does not have exactly one Host field")  # RFC 9112 §3.2
        if max_body is not None and self.length is not None and self.length > max_body:
            raise BodyTooLargeError(max_body)

    @property
    def asks_for_upgrade(self) -> bool:
        """Whether bytes behind the head may be lost: uvicorn's parser takes them for the other protocol's.

        Such a request is answered, as RFC 9110 §7.8 allows, and its connection closed; with a length, a lost body
        shows, with chunks it would not.
        """
        return b"upgrade" in self.noted and b"connection" in self.noted

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent a second time when nothing came back."""
        return self.length == 0 and self.method in _IDEMPOTENT

    def head(self, endpoint: Endpoint, trusted: Trusted) -> bytes:
        """Request line and fields as they go upstream. Raises ``BadRequestError`` when a field hides a line break."""
        target = b"%b?%b" % (self.path, self.query) if self.query or self.has_empty_query else self.path
        lines = [self.method.encode() + b" " + target + b" HTTP/1.1", *self._end_to_end()]
        framing.check_lines(lines)
        if self.length is None:
            lines.append(b"transfer-encoding: chunked")
        lines.append(self._added(endpoint, trusted))
        return b"\r\n".join(lines) + self.request_id.encode() + b"\r\n\r\n"

    def _end_to_end(self) -> list[bytes]:
        lines, noted = self.kept, self.noted
        if b"connection" in noted:
            lines = headers.without(headers.connection_options(noted[b"connection"]), lines)
        if b"cookie" in noted and len(noted[b"cookie"]) > 1 and not self.http_version.startswith("1"):
            lines = headers.with_one_cookie(lines, noted[b"cookie"])
        return lines

    def _added(self, endpoint: Endpoint, trusted: Trusted) -> bytes:
        """The lines that we add, up to the request id's value."""
        hosts = self.noted.get(b"host")
        if hosts is None:
            own = b"localhost" if endpoint.uds else f"{endpoint.host}:{endpoint.port}".encode()
            return added_lines(self.peer, self.scheme, None, self.http_version, (*endpoint.headers, (b"host", own)))
        host = hosts[0]
        if trusted.covers(self.peer):
            said = headers.said_before_us(self.noted, headers.seen_by_us(self.peer, self.scheme, host))
            return block_of((*said, headers.via(self.http_version), *endpoint.headers))
        build = added_lines if len(host) <= _HOST_SIZE else added_lines.__wrapped__
        more = (headers.IGNORED,) if headers.speaks_of_others(self.noted) else ()
        return build(self.peer, self.scheme, host, self.http_version, (*more, *endpoint.headers))


@lru_cache(maxsize=1024)
def added_lines(peer: str | None, scheme: str, host: bytes | None, http_version: str, own: tuple[Header, ...]) -> bytes:
    """The lines that we add to a request; the same for most requests of one client."""
    return block_of((*headers.seen_by_us(peer, scheme, host), headers.via(http_version), *own))


def block_of(fields: Iterable[Header]) -> bytes:
    """Header fields as lines, with the beginning of the request id's. Raises ``BadRequestError`` as ``head`` does."""
    lines = [b": ".join(field) for field in fields]
    framing.check_lines(lines)
    return b"\r\n".join([*lines, b"x-request-id: "])
