"""Counts of a proxy's requests by route, for whoever exports them as metrics.

A request leaves a note when it is over, which is atomic and next to free; the notes are added up when somebody asks,
or when there are many.
"""

import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

from .account import Account, Note
from .errors import Outcome

# Upper bounds: from a cached answer to the longest extraction.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0)

# A client may make up methods; each would be a time series of its own.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
_MANY = 512


@dataclass(slots=True)
class Counts:
    """One route's. ``requests`` by method and status, ``failures`` by outcome; bytes are those of bodies.

    ``first_byte`` counts times to the upstream's response head by bucket of ``BUCKETS_S``, the last for what is above
    all of them; ``first_byte_sum_s`` is their sum in seconds. ``cached`` of the requests were answered from memory.
    """

    BUCKETS_S: ClassVar = _BUCKETS_S

    in_flight: int = 0
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: Counter[Outcome] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    first_byte: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS_S) + 1))
    first_byte_sum_s: float = 0.0
    cached: int = 0

    def add(self, notes: Iterable[Note]) -> None:
        """Count requests that are over."""
        requests, first_byte = self.requests, self.first_byte
        for _, method, status, outcome, bytes_in, bytes_out, first_s, cached in notes:
            requests[method if method in _METHODS else OTHER, status] += 1
            self.bytes_in += bytes_in
            self.bytes_out += bytes_out
            self.cached += cached
            if outcome is not Outcome.OK:
                self.failures[outcome] += 1
            if first_s is not None:
                first_byte[bisect_left(_BUCKETS_S, first_s)] += 1
                self.first_byte_sum_s += first_s

    def copy(self, in_flight: int) -> "Counts":
        """The figures as they are now."""
        return Counts(
            in_flight, self.requests.copy(), self.failures.copy(), self.bytes_in, self.bytes_out,
            self.first_byte.copy(), self.first_byte_sum_s, self.cached,
        )  # fmt: skip


class Tally:
    """``begin`` and ``end`` of each request, and sums. Thread-safe."""

    def __init__(self, routes: tuple[str, ...]) -> None:
        self._lock = threading.Lock()
        self._counts = {route: Counts() for route in routes}
        self._under_way: set[Account] = set()
        self._over: deque[Note] = deque()
        self.begin = self._under_way.add

    def end(self, account: Account) -> None:
        """A request is over, in whatever way."""
        self._under_way.discard(account)
        self.add(account.note())

    def add(self, note: Note) -> None:
        """The same for one that was over as soon as it had come."""
        self._over.append(note)
        if len(self._over) > _MANY:
            with self._lock:
                self._add_up()

    def by_route(self) -> Mapping[str, Counts]:
        """The figures of every route as they are now."""
        in_flight = Counter(account.route for account in list(self._under_way))
        with self._lock:
            self._add_up()
            return {route: counts.copy(in_flight[route]) for route, counts in self._counts.items()}

    def _add_up(self) -> None:
        over = [self._over.popleft() for _ in range(len(self._over))]
        for route, notes in groupby(over, key=itemgetter(0)):
            self._counts[route].add(notes)
