"""A small shared cache (RFC 9111) of immutable responses, in memory.

An entry is served for a few seconds, however long it may be kept: then one request goes to the sidecar again, so that
what was deleted there is soon gone here.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from itertools import islice

from . import cache_rules as rules
from .cache_entry import Entry
from .headers import Header, Headers
from .limits import Limits
from .upstream import Endpoint

# Path, query, Host, scheme, and what a trusted proxy before us says of them: the target URI (RFC 9111 §2).
Key = tuple[bytes, bytes | None, bytes, str, tuple[Header, ...]]

_OK, _NOT_MODIFIED = 200, 304
# What changed last, for those that are under way. Who has missed more than these keeps nothing.
_CHANGES = 256


class Cache:
    """Entries by target, the least recently used go first. Methods may be called from any thread.

    ``turn`` counts changes; it tells a response that was asked for before one from one that was not.
    ``clock`` counts seconds, ``wall`` those since the epoch. ``dated``: a response without Date gets one, as RFC 9110
    §6.6.1 asks; without it the server in front sets it.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        *,
        dated: bool = True,
    ) -> None:
        self.clock = clock
        self.wall = wall
        self.dated = dated
        self.size = 0
        self._limits = limits
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._below: dict[bytes, set[Key]] = {}
        self.turn = 0
        self._changes: deque[bytes] = deque(maxlen=_CHANGES)
        self._endpoints: Sequence[Endpoint] = ()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, path: bytes) -> bool:
        """Whether something may be kept under ``path``: a quick look, before anything is read."""
        return path in self._below

    def find(self, key: Key, now_s: float) -> Entry | None:
        """The entry that may be served now, without asking the sidecar."""
        entry = self._entries.get(key)
        if entry is None or now_s >= (entry.fresh_until_s if entry.asking is None else entry.end_s):
            return None
        try:
            self._entries.move_to_end(key)
        except KeyError:  # another thread has dropped it just now
            return None
        return entry

    def fill(self, key: Key, route: str, turn: int, began_s: float) -> "Fill":
        """What takes the response to a GET that went to the sidecar then; ``end`` it in any case."""
        return Fill(self, key, route, turn, began_s)

    def follow(self, endpoints: Sequence[Endpoint]) -> None:
        """Forget everything when the sidecars are no longer the same."""
        if endpoints is self._endpoints:
            return
        with self._lock:
            if tuple(endpoints) != tuple(self._endpoints):
                self._forget(b"")
            self._endpoints = endpoints

    def drop_below(self, path: bytes) -> None:
        """Something may have changed at ``path`` or below it: an unsafe request went there (RFC 9111 §4.4)."""
        with self._lock:
            self._forget(path.rstrip(b"/"))

    def _forget(self, path: bytes) -> None:
        for key in list(self._below.get(path, ())):
            self._drop(key)
        self._changes.append(path)
        self.turn += 1

    def _changed_since(self, turn: int, path: bytes) -> bool:
        missed = self.turn - turn
        if missed > len(self._changes):
            return True
        above = frozenset(_lineage(path)) if missed else ()
        return any(changed in above for changed in islice(reversed(self._changes), missed))

    def keep(self, key: Key, entry: Entry, turn: int) -> None:
        """Keep what was asked for at ``turn``, unless something has changed since then."""
        with self._lock:
            if not self._changed_since(turn, key[0]):
                self._drop(key)
                self._put(key, entry)

    def old(self, key: Key) -> Entry | None:
        """The entry, be it fresh or not."""
        return self._entries.get(key)

    def drop(self, key: Key) -> None:
        """The sidecar has another answer now."""
        with self._lock:
            self._drop(key)

    def entry(self, route: str, fields: Headers, body: bytes, delay_s: float) -> Entry | None:
        """An entry for a complete 200 that was asked for ``delay_s`` ago; ``None`` when it may not be kept."""
        now_s, wall_s = self.clock(), self.wall()
        tag, left = rules.strong_tag(fields), rules.left_s(fields, delay_s, wall_s)
        if tag is None or left is None or rules.content_length(fields) != len(body):
            return None
        age_s, rest_s = left
        kept = [pair for pair in fields if pair[0] != b"age"]
        entry = Entry(route, tag, kept, body, now_s - age_s)
        fresh_s = self._limits.cache_fresh_s
        entry.fresh_until_s = now_s + min(fresh_s - delay_s, rest_s)
        entry.end_s = now_s + min(2 * fresh_s - delay_s, rest_s)
        return entry

    def takes(self, fields: Headers) -> bool:
        """Whether the body that is announced is worth gathering."""
        length = rules.content_length(fields)
        return length is not None and length <= self._limits.cache_entry_bytes and rules.left_s(
            fields, 0, self.wall()
        ) is not None  # fmt: skip

    def _put(self, key: Key, entry: Entry) -> None:
        self._entries[key] = entry
        self.size += entry.size
        for path in _lineage(key[0]):
            self._below.setdefault(path, set()).add(key)
        while self.size > self._limits.cache_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.size -= entry.size
        for path in _lineage(key[0]):
            keys = self._below[path]
            keys.discard(key)
            if not keys:
                del self._below[path]


class Fill:
    """Takes the response to one GET on its way to the client.

    Of an entry that is no longer fresh, one fill asks for all; meanwhile the others are served.
    """

    def __init__(self, cache: Cache, key: Key, route: str, turn: int, began_s: float) -> None:
        self._cache = cache
        self._key = key
        self._route = route
        self._turn = turn
        self._began_s = began_s
        self._old = old = cache.old(key)
        self._fields: Headers | None = None
        self._status = 0
        self._chunks: list[bytes] = []
        if old is not None and old.asking is None:
            old.asking = self

    def begin(self, status: int, fields: Headers) -> None:
        """The head has come: its end-to-end fields, without the request id."""
        self._status = status
        renews = status == _NOT_MODIFIED and self._old is not None and rules.strong_tag(fields) == self._old.tag
        if renews or (status == _OK and self._cache.takes(fields)):
            self._fields = list(fields)
        elif status != _NOT_MODIFIED:
            self._cache.drop(self._key)

    def add(self, data: bytes) -> None:
        """A part of the body has come."""
        if self._fields is not None:
            self._chunks.append(data)

    def end(self, *, complete: bool) -> None:
        """The response is over. ``complete``: it came to its end, and the client has it."""
        entry = self._made() if complete else None
        if self._old is not None and self._old.asking is self:
            self._old.asking = None
        if entry is not None:
            self._cache.keep(self._key, entry, self._turn)

    def _made(self) -> Entry | None:
        fields, old = self._fields, self._old
        if fields is None:
            return None
        body = b"".join(self._chunks)
        if self._status == _NOT_MODIFIED and old is not None:
            fields, body = rules.freshened(old.fields, fields), old.body
        if all(name != b"date" for name, _ in fields) and self._cache.dated:
            fields = [*fields, (b"date", formatdate(self._cache.wall(), usegmt=True).encode())]
        return self._cache.entry(self._route, fields, body, self._cache.clock() - self._began_s)


def _lineage(path: bytes) -> Iterator[bytes]:
    """A path and those above it, without the slashes at their ends: `/a/b` is below `/a`, and all are below `/`."""
    path = path.rstrip(b"/")
    while path:
        yield path
        path = path[: path.rindex(b"/")]
    yield b""
