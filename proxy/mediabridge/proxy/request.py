"""What the client asked, read once from an ASGI scope, and the head that goes upstream for it."""

from collections.abc import Iterable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from . import framing, headers
from .errors import BadRequestError
from .framing import BodyLength
from .headers import Header, Headers
from .request_id import new_request_id
from .trusted import Trusted
from .upstream import Endpoint

Scope = MutableMapping[str, Any]

# RFC 9110 §9.2.2: sending one of these twice is as good as once. Others are never repeated.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_NONE: Sequence[bytes] = ()


def raw_path_of(scope: Scope) -> bytes:
    """The path as it came. Servers that do not say (``raw_path`` is optional in ASGI) get it encoded again."""
    raw: bytes | None = scope.get("raw_path")
    return raw if raw is not None else quote(scope["path"], safe="/!$&'()*+,;=:@~").encode()


class Request:
    """One request. Reading never raises; ``check()`` does, and nothing may be forwarded before it.

    ``length`` is the body's (see ``framing``); it is ``0`` for a request that ``check()`` will refuse.
    """

    __slots__ = (
        "expects_continue", "http_version", "kept", "length", "method", "noted", "path", "peer", "problem", "query",
        "request_id", "scheme",
    )  # fmt: skip

    def __init__(self, scope: Scope, path: bytes) -> None:
        self.method: str = scope.get("method", "GET")  # a WebSocket handshake has none
        self.path = path
        self.query: bytes = scope.get("query_string", b"")
        self.http_version: str = scope.get("http_version", "1.1")
        self.scheme: str = scope.get("scheme", "http")
        client = scope.get("client")
        self.peer: str | None = client[0] if client else None
        self.problem: BadRequestError | None = None
        self.kept: Headers = []
        self.noted: dict[bytes, list[bytes]] = {}
        self.length: BodyLength = 0
        self._read_headers(scope["headers"])
        self._read_framing()
        sane = headers.sane_request_id(self.noted.get(headers.REQUEST_ID, _NONE))
        self.request_id = sane.decode() if sane else new_request_id()

    def _read_headers(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        kept, noted = self.kept, self.noted
        for name, value in pairs:
            rule = headers.rule(name)
            if rule == headers.KEEP:
                kept.append((name, value))
                continue
            if rule == headers.REFUSE:
                self.problem = BadRequestError("The name of a header of the request is not a token")
            elif rule == headers.KEEP_AND_NOTE and not (name == b"content-length" and name in noted):
                kept.append((name, value))
            if rule != headers.DROP:
                noted.setdefault(name, []).append(value)

    def _read_framing(self) -> None:
        noted = self.noted
        lengths, codings = noted.get(b"content-length", _NONE), noted.get(b"transfer-encoding", _NONE)
        try:
            self.length = framing.body_length(lengths, codings, self.http_version)
        except BadRequestError as problem:
            self.problem = problem
        expect = noted.get(b"expect")
        self.expects_continue = expect is not None and self.length != 0 and b"100-continue" in expect[0].lower()

    def check(self) -> None:
        """Raise ``BadRequestError`` for a request that must not be forwarded."""
        if self.problem is not None:
            raise self.problem
        framing.check_request_line(self.method, self.path, self.query)
        hosts = len(self.noted.get(b"host", _NONE))
        if hosts > 1 or (hosts == 0 and self.http_version == "1.1"):
            raise BadRequestError("The request does not have exactly one Host field")  # RFC 9112 §3.2

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent a second time when nothing came back."""
        return self.length == 0 and self.method in _IDEMPOTENT

    def head(self, endpoint: Endpoint, trusted: Trusted) -> bytes:
        """Request line and fields as they go upstream. Raises ``BadRequestError`` when a field hides a line break."""
        target = b"%b?%b" % (self.path, self.query) if self.query else self.path
        lines = [b"%b %b HTTP/1.1" % (self.method.encode(), target)]
        lines += [b": ".join(field) for field in self._end_to_end(endpoint)]
        lines += self._added(endpoint, trusted)
        lines.append(b"x-request-id: " + self.request_id.encode())
        if self.length is None:
            lines.append(b"transfer-encoding: chunked")
        lines.append(b"\r\n")
        head = b"\r\n".join(lines)
        framing.check_head(head, len(lines))
        return head

    def _end_to_end(self, endpoint: Endpoint) -> Headers:
        fields = self.kept
        own = own_names(endpoint.headers)
        if own:
            fields = [
                field for field in fields if field[0] not in own and not (b"_" in field[0] and _means(field[0], own))
            ]
        if self.noted.get(b"connection"):
            options = headers.connection_options(self.noted[b"connection"])
            fields = [field for field in fields if field[0] not in options]
        cookies = self.noted.get(b"cookie")
        if cookies and len(cookies) > 1 and not self.http_version.startswith("1"):
            fields = headers.joined_cookies(fields, cookies)
        return fields

    def _added(self, endpoint: Endpoint, trusted: Trusted) -> Iterable[bytes]:
        hosts = self.noted.get(b"host")
        if hosts is None:
            host = b"localhost" if endpoint.uds else f"{endpoint.host}:{endpoint.port}".encode()
            return added_lines(self.peer, self.scheme, None, self.http_version, (*endpoint.headers, (b"host", host)))
        if trusted.covers(self.peer):
            said = headers.said_before_us(self.noted, headers.seen_by_us(self.peer, self.scheme, hosts[0]))
            return lines_of((*said, headers.via(self.http_version), *endpoint.headers))
        return added_lines(self.peer, self.scheme, hosts[0], self.http_version, endpoint.headers)


@lru_cache(maxsize=1024)
def added_lines(
    peer: str | None, scheme: str, host: bytes | None, http_version: str, own: tuple[Header, ...]
) -> tuple[bytes, ...]:
    """The lines that we add to a request; the same for most requests of one client."""
    return lines_of((*headers.seen_by_us(peer, scheme, host), headers.via(http_version), *own))


def lines_of(fields: Iterable[Header]) -> tuple[bytes, ...]:
    """Header fields as lines, without their ends."""
    return tuple(b": ".join(field) for field in fields)


def _means(name: bytes, names: frozenset[bytes]) -> bool:
    """WSGI reads ``_`` and ``-`` alike."""
    return name.replace(b"_", b"-") in names


@lru_cache(maxsize=64)
def own_names(added: tuple[tuple[bytes, bytes], ...]) -> frozenset[bytes]:
    """The lower-case names of an endpoint's own headers."""
    return frozenset(name.lower() for name, _ in added)
