"""The disk tier: entries in SQLite, shared by all processes. It may always answer "no", and never fails a request.

A full or read-only disk turns it off for a while, with one warning. A broken file is replaced, a broken entry removed.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import rows
from .codec import Entry, Key, pack, unpack
from .database import ERRORS, Budget, Database, GoneError, trouble

_LAST = (False, False, True)  # attempts of an action: the file may be replaced or removed in the middle of it
_RETRY_S = 60.0  # how long the tier stays off
_TOUCHES = 512  # keys whose use is written down when that many have come together, or with the next new entry
_LARGEST_BODY = 32 * 1024 * 1024  # bytes of JSON; more is not even compressed
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class DiskStats:
    """Counts since the start of this process: `repairs` of the whole file, `damaged` entries, the rest in words."""

    evictions: int = 0
    damaged: int = 0
    repairs: int = 0
    busy: int = 0
    too_large: int = 0
    turned_off: int = 0


class DiskTier:
    """`limit` bytes in `folder`, opened at the first use.

    Both clocks give seconds: `clock` is monotonic; `wall` is shared by all processes and orders the uses.
    """

    def __init__(
        self,
        folder: Path,
        limit: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._budget = Budget(limit)
        self._clock, self._wall = clock, wall
        self._gate = threading.Lock()
        self._database: Database | None = None
        self._off_until = 0.0
        self._warned = False
        self.reason: str | None = None
        self._touched: dict[Key, int] = {}
        self._lock = threading.Lock()  # of the touches and of the counts
        self.stats = DiskStats()

    @property
    def on(self) -> bool:
        """Whether it works, as far as is known."""
        return self._clock() >= self._off_until

    # What callers do

    def get(self, key: Key) -> Entry | None:
        """The entry, if there is a sound one."""
        found = self._try(lambda base: _select(base, key))
        if found is None:
            return None
        try:
            entry = Entry(unpack(key, found[0]), float(found[1]))
        except (ValueError, TypeError):  # DamagedError is one; the others are columns of a wrong type
            self._count("damaged")
            _log.warning("a cached result was damaged on disk and is removed")
            self.remove(key)
            return None
        self.touch(key)
        return entry

    def put(self, key: Key, entry: Entry) -> bool:
        """Keep an entry; the least recently used ones make room. False when it could not be kept."""
        blob = pack(key, entry.body) if len(entry.body) <= _LARGEST_BODY else entry.body
        if len(blob) > self._budget.largest:
            self._count("too_large")
            return False
        return self._try(lambda base: self._store(base, key, blob, entry.cost_ms)) or False

    def remove(self, key: Key) -> None:
        """Remove an entry, if there is one."""
        self._try(lambda base: _delete(base, key))

    def touch(self, key: Key) -> None:
        """Note that an entry was used; written down later."""
        with self._lock:
            self._touched[key] = self._now()
            many = len(self._touched) >= _TOUCHES
        if many:
            self.flush()

    def flush(self) -> None:
        """Write down what was used."""
        touched = self._take_touches()  # they are lost when they cannot be written now: it is a cache
        if touched:
            self._try(lambda base: _write_down(base, touched))

    def count(self) -> int:
        """How many entries there are, of all processes."""
        return self._try(_count) or 0

    def bytes_on_disk(self) -> int:
        """What all files take."""
        return self._try(lambda base: base.bytes_on_disk) or 0

    def close(self) -> None:
        """Write down what was used, and close the file."""
        with self._gate:
            has_file = self._database is not None
        if has_file:
            self.flush()
        with self._gate:
            if self._database is not None:
                self._database.close()
            self._database = None

    # How they do it

    def _try(self, action: Callable[[Database], _T]) -> _T | None:
        """Do something with the current file; None when it cannot be done, whatever the reason."""
        for last in _LAST if self.on else ():
            base: Database | None = None
            try:
                base = self._open()
                result = action(base)
            except GoneError:
                self._forget(base)
            except ERRORS as problem:
                if not self._mended(problem, base, last):
                    return None
            except OSError as problem:
                self._forget(base)
                if last:
                    self._turn_off(str(problem))
            except (rows.NoRoomError, MemoryError):
                return None
            else:
                self._works()
                return result
        return None

    def _open(self) -> Database:
        with self._gate:
            if self._database is None:
                self._database = Database.open(self.folder, self._budget)
            return self._database

    def _forget(self, base: Database | None) -> None:
        with self._gate:
            if base is not None:
                with contextlib.suppress(*ERRORS):
                    base.close()
            if self._database is base:
                self._database = None

    def _mended(self, problem: Exception, base: Database | None, last: bool) -> bool:
        """Deal with an error. True when it is worth another attempt."""
        kind = trouble(problem)
        if kind == "busy" or (kind == "full" and base is not None and base.at_its_limit):
            self._count("busy")
            return False
        self._forget(base)
        if kind == "damaged" and base is not None:
            self._count("repairs")
            _log.warning("the result cache %s is damaged (%s) and is begun anew", base.path, problem)
            return self._replaced(base.path)
        if kind == "full" or last:
            self._turn_off(str(problem))
            return False
        return True

    def _replaced(self, broken: Path) -> bool:
        try:
            fresh = Database.open(self.folder, self._budget, broken=broken)
        except (OSError, *ERRORS) as problem:
            self._turn_off(str(problem))
            return False
        with self._gate:
            other, self._database = self._database, fresh
        if other is not None:
            other.close()
        return True

    def _turn_off(self, why: str) -> None:
        self._off_until = self._clock() + _RETRY_S
        self.reason = why
        self._count("turned_off")
        if not self._warned:
            _log.warning("the result cache in %s does without its disk: %s", self.folder, why)
        self._warned = True

    def _works(self) -> None:
        if self._warned:
            _log.warning("the result cache in %s has its disk again", self.folder)
            self._warned, self.reason, self._off_until = False, None, 0.0

    def _store(self, base: Database, key: Key, blob: bytes, cost_ms: float) -> bool:
        with base.writing() as connection:
            if base.log_is_full:
                self._count("busy")
                raise rows.NoRoomError
            rows.remove(connection, key)
            self._count("evictions", rows.make_room(connection, self._budget, len(blob)))
            rows.insert(connection, key, self._now(), cost_ms, blob)
            rows.touch(connection, self._take_touches())
        return True

    def _take_touches(self) -> list[tuple[Key, int]]:
        with self._lock:
            touched, self._touched = self._touched, {}
        return list(touched.items())

    def _now(self) -> int:
        return int(self._wall() * 1000)

    def _count(self, name: str, number: int = 1) -> None:
        with self._lock:
            setattr(self.stats, name, getattr(self.stats, name) + number)


def _select(base: Database, key: Key) -> tuple[bytes, float] | None:
    with base.reading() as connection:
        return rows.select(connection, key)


def _count(base: Database) -> int:
    with base.reading() as connection:
        return rows.count(connection)


def _write_down(base: Database, touched: list[tuple[Key, int]]) -> None:
    with base.writing() as connection:
        if not base.log_is_full:
            rows.touch(connection, touched)


def _delete(base: Database, key: Key) -> None:
    with base.writing() as connection:
        rows.remove(connection, key)
