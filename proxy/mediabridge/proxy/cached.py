"""Requests that the cache answers, and those whose responses it takes. No I/O."""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from . import cache_rules, framing
from .cache import Cache, Fill, Key
from .cache_entry import Entry
from .cache_rules import Asked
from .errors import BadRequestError, Outcome
from .events import Finished, is_heard, printable
from .headers import REQUEST_ID, Headers, sane_request_id
from .limits import Limits
from .request import Request, Scope
from .request_id import new_request_id
from .tally import Tally
from .trusted import Trusted
from .upstream import Upstream

_OK, _NOT_MODIFIED, _GONE = 200, 304, 499
_ASKING = frozenset({"GET", "HEAD"})
_SAFE = _ASKING | {"OPTIONS", "TRACE"}  # RFC 9110 §9.2.1


class Target(NamedTuple):
    """What a request asks for, and how it came. ``query`` is ``None`` without a `?`."""

    method: str
    path: bytes
    query: bytes | None
    scheme: str
    peer: str | None

    @classmethod
    def of(cls, scope: Scope, path: bytes) -> "Target":
        """Read it from an ASGI scope, which has no place for an empty query."""
        client = scope.get("client")
        scheme, peer = scope.get("scheme", "http"), client[0] if client else None
        return cls(scope["method"], path, scope.get("query_string") or None, scheme, peer)

    @classmethod
    def of_request(cls, request: Request) -> "Target":
        """The same of what has been read."""
        query = request.query or (b"" if request.has_empty_query else None)
        return cls(request.method, request.path, query, request.scheme, request.peer)


class Hit(NamedTuple):
    """An answer from memory: a 200 or a 304."""

    entry: Entry
    status: int
    request_id: str
    body: bytes
    now_s: float

    def headers(self) -> Headers:
        """Its fields, as ASGI has them."""
        return [*self.entry.aged(self.status, self.now_s), (REQUEST_ID, self.request_id.encode())]


class Cached:
    """Beside a proxy: finds answers in its cache, counts them as the proxy counts, keeps the cache true."""

    def __init__(
        self,
        upstream: Upstream,
        limits: Limits,
        trusted: Trusted,
        tally: Tally,
        on_event: Callable[[Finished], None],
        *,
        dated: bool,
    ) -> None:
        self.cache = Cache(limits, dated=dated)
        self._limits = limits
        self._upstream = upstream
        self._trusted = trusted
        self._tally = tally
        self._on_event = on_event
        self.follow = self.cache.follow

    def find(self, target: Target, pairs: Headers) -> Hit | None:
        """The answer, when the cache has it and may give it; else the sidecar is to be asked."""
        cache = self.cache
        asked = cache_rules.read(pairs) if target.method in _ASKING else None
        if asked is None or not _is_plain(pairs):
            return None
        # While the sidecar is away, what is fresh is served; a new one has everything forgotten.
        if self._upstream.why_not_ready() is None:
            cache.follow(self._upstream.endpoints())
        now_s = cache.clock()
        entry = cache.find(self._key(target, asked), now_s)
        status = None if entry is None else _status(asked, entry)
        if entry is None or status is None:
            return None
        body = entry.body if status == _OK and target.method == "GET" else b""
        return Hit(entry, status, _request_id(asked), body, now_s)

    def begin(self, request: Request) -> None:
        """A request goes to the sidecar."""
        if request.method not in _SAFE:
            self.cache.drop_below(request.path)

    def watch(self, request: Request, pairs: Headers, route: str) -> "Watch | None":
        """What looks at the response to this request, which goes to the sidecar now."""
        if request.method != "GET" or not self._limits.cache_bytes:
            return None
        watch = Watch(self, request, pairs, route)
        if request.path in self.cache:  # others may wait for the same
            watch.open()
        return watch

    def key_for(self, target: Target, pairs: Headers) -> Key | None:
        """The key of what is asked for; ``None`` when more than a content is."""
        asked = cache_rules.read(pairs) if cache_rules.fit_path(target.path) else None
        return None if asked is None else self._key(target, asked)

    def end(self, request: Request, watch: "Watch | None", *, complete: bool) -> None:
        """The sidecar has answered, or not. ``complete``: the client has the whole response."""
        if watch is not None and watch.fill is not None:
            watch.fill.end(complete=complete)
        self.begin(request)  # what was kept while it changed is old

    def count(self, target: Target, hit: Hit, began_s: float, outcome: Outcome = Outcome.OK) -> None:
        """The answer is given, or (``outcome``) could not be. ``began_s`` is of ``perf_counter``."""
        route, told = hit.entry.route, hit.status if outcome is Outcome.OK else _GONE
        self._tally.add((route, target.method, told, outcome, 0, len(hit.body), None, True))
        if is_heard(self._on_event, outcome):
            self._on_event(
                Finished(
                    target.method, printable(target.path), route, told, outcome, outcome is not Outcome.OK,
                    0, len(hit.body), None, (perf_counter() - began_s) * 1000, hit.request_id, cached=True,
                )
            )  # fmt: skip

    def _key(self, target: Target, asked: Asked) -> Key:
        said = asked.said if asked.said and self._trusted.covers(target.peer) else ()
        return target.path, target.query, asked.host, target.scheme, said


class Watch:
    """Looks at the response to one GET: most are not for the cache, and cost it no more than a look.

    ``fill`` takes the response once it is worth it, or from the beginning when something of that path is kept.
    """

    __slots__ = ("_began_s", "_cached", "_pairs", "_request", "_route", "_turn", "fill")

    def __init__(self, cached: Cached, request: Request, pairs: Headers, route: str) -> None:
        self.fill: Fill | None = None
        self._cached = cached
        self._request = request
        self._pairs = pairs
        self._route = route
        self._turn = cached.cache.turn
        self._began_s = cached.cache.clock()

    def open(self) -> None:
        """Take the response."""
        key = self._cached.key_for(Target.of_request(self._request), self._pairs)
        if key is not None:
            self.fill = self._cached.cache.fill(key, self._route, self._turn, self._began_s)

    def begin(self, status: int, fields: Headers) -> Fill | None:
        """The head has come, with these end-to-end fields: what is to take its body, if anything is."""
        if self.fill is None and status == _OK and cache_rules.is_candidate(fields):
            self.open()
        if self.fill is not None:
            self.fill.begin(status, fields)
        return self.fill


def _status(asked: Asked, entry: Entry) -> int | None:
    if asked.condition is None:
        return _OK
    fits = cache_rules.fits(asked.condition, entry.tag)
    return None if fits is None else _NOT_MODIFIED if fits else _OK


def _request_id(asked: Asked) -> str:
    given = asked.request_id
    return (sane_request_id((given,)) if given is not None else None) or new_request_id()


def _is_plain(pairs: Headers) -> bool:
    """Whether no field hides a line break: those are refused (``framing``), whoever would answer them."""
    try:
        framing.check_lines([value for _, value in pairs])
    except BadRequestError:
        return False
    return True
