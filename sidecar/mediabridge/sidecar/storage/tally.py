"""How much is stored: counted once in the background, then kept up to date by whoever adds."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# Other processes may store as well: when something changed, all is counted anew, but not more often than that.
_RECOUNT_S = 300.0
_RECOUNT_SHARE = 0.01  # of a processor's time
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counted:
    """One stored content: bytes, whose drive, and when it was there (ns since 1970, by the clock of the place)."""

    size: int
    drive: str | None
    since_ns: int


@dataclass(slots=True)
class Figures:
    """`files`, their bytes in `total`, and the bytes of each drive."""

    files: int = 0
    total: int = 0
    drives: Counter[str | None] = field(default_factory=Counter)

    def add(self, one: Counted, sign: int = 1) -> None:
        """Count one content, or with -1 count it no more."""
        self.files += sign
        self.total += sign * one.size
        self.drives[one.drive] += sign * one.size


class Tally:
    """`scan` gives all that is stored; `now_ns` the clock of the place; `changed` a number that changes with it."""

    def __init__(
        self,
        scan: Callable[[], Iterator[Counted]],
        now_ns: Callable[[], int],
        changed: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scan = scan
        self._now_ns = now_ns
        self._changed = changed
        self._clock = clock
        self._lock = threading.Lock()
        self._current = Figures()
        self._fresh: Figures | None = None  # what is added while a count is under way
        self._mark_ns = 0
        self._seen = -1
        self._counted_at = 0.0
        self._took_s = 0.0
        self.complete = threading.Event()

    def start(self) -> None:
        """Count in the background, unless that is under way."""
        with self._lock:
            if self._fresh is not None:
                return
            self._fresh = Figures()
        try:
            self._seen, self._mark_ns = self._changed(), self._now_ns()
        except OSError:  # there is nothing to be counted, and nowhere to write
            self._finish(Figures())
            return
        threading.Thread(target=self._count, name="storage-count", daemon=True).start()

    def add(self, one: Counted, sign: int = 1) -> None:
        """Note what was stored, or with -1 deleted."""
        with self._lock:
            self._current.add(one, sign)
            if self._fresh is not None and one.since_ns >= self._mark_ns:
                self._fresh.add(one, sign)

    def figures(self) -> Figures:
        """As far as they are known; see `complete`. Counts anew when other processes may have stored something."""
        rest_s = max(_RECOUNT_S, self._took_s / _RECOUNT_SHARE)
        if self.complete.is_set() and self._clock() - self._counted_at > rest_s and self._changed() != self._seen:
            self.start()
        with self._lock:
            return Figures(self._current.files, self._current.total, self._current.drives.copy())

    def _count(self) -> None:
        found, started = Figures(), self._clock()
        try:
            for one in self._scan():
                if one.since_ns < self._mark_ns:  # the rest is told by who adds
                    found.add(one)
        except OSError as problem:
            _log.warning("what is stored could not be counted: %s", problem)
        self._took_s = self._clock() - started
        self._finish(found)

    def _finish(self, found: Figures) -> None:
        with self._lock:
            fresh, self._fresh = self._fresh or Figures(), None
            found.files += fresh.files
            found.total += fresh.total
            found.drives.update(fresh.drives)
            self._current = found
            self._counted_at = self._clock()
        self.complete.set()
