"""The result cache: memory before disk, each result computed once however many ask for it at the same time."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mediabridge.sidecar.faults import ClientGone

from .codec import Entry, Held, Key, Value, copy, dump, hold
from .doors import Doors
from .flights import Flight, Flights
from .levels import PressureLevel
from .limits import Limits
from .tiers import Tiers

FOLDER = "results"  # below CACHE_PATH
_PATIENCE_S = 300.0
_left_behind: list[object] = []  # a parent's connections: a child may neither use nor close them

Compute = Callable[[], Value]
Check = Callable[[], None]


@dataclass(slots=True)
class Counts:
    """Since the start of this process. `shared`: waited for somebody else's computation; `saved_ms`: by all hits."""

    memory_hits: int = 0
    disk_hits: int = 0
    shared: int = 0
    misses: int = 0
    failed: int = 0
    evictions: int = 0
    pressure_evictions: int = 0
    pressure_events: int = 0
    adjustments: int = 0
    saved_ms: float = 0.0

    @property
    def hits(self) -> int:
        """Answers that nobody had to compute for the one who asked."""
        return self.memory_hits + self.disk_hits + self.shared


class _Parts:
    """What must not be carried over a fork: locks, connections, computations under way."""

    def __init__(self, limits: Limits, folder: Path | None) -> None:
        place = None if folder is None else folder / FOLDER
        self.pid = os.getpid()
        self.tiers = Tiers(limits, place)
        self.flights = Flights()
        self.doors = Doors(place / "flights") if place is not None and self.tiers.disk is not None else None
        self.lock = threading.Lock()


class ResultCache:
    """Results under keys of `key_of`. `folder` is CACHE_PATH, shared by all processes; None: memory alone.

    Who waits longer than `patience_s` for another's computation computes for itself. Any thread may use it, and a
    forked child as well.
    """

    def __init__(self, limits: Limits, folder: Path | None = None, *, patience_s: float = _PATIENCE_S) -> None:
        self.limits = limits
        self.folder = folder
        self.level = PressureLevel.NORMAL
        self.counts = Counts()
        self._patience_s = patience_s
        self._parts = _Parts(limits, folder)

    @property
    def tiers(self) -> Tiers:
        """Memory and disk, for figures."""
        return self._own().tiers

    @property
    def under_way(self) -> int:
        """How many results are being computed in this process now."""
        return len(self._own().flights)

    def get(self, key: Key) -> Value | None:
        """The result, if it is there. The caller may change what it gets."""
        held = self._look_up(self._own(), key)
        if held is None:
            self._count(misses=1)
            return None
        return copy(held.value)

    def peek(self, key: Key) -> Value | None:
        """The same without counting it as a request."""
        tiers = self._own().tiers
        held = tiers.from_memory(key) or tiers.from_disk(key)
        return None if held is None else copy(held.value)

    def put(self, key: Key, value: Value, cost_ms: float = 0.0) -> None:
        """Keep a result. Raises `TypeError` or `ValueError` for what is no JSON."""
        entry = Entry(dump(value), cost_ms)
        self._keep(self._own(), key, entry, hold(entry))

    def remove(self, key: Key) -> None:
        """Forget a result. Other processes may hold it in memory, until they make room."""
        self._own().tiers.remove(key)

    def get_or_compute(
        self,
        key: Key,
        compute: Compute,
        *,
        gone: Callable[[], bool] | None = None,
        keep: Callable[[Value], bool] = lambda _: True,
        shared: bool = False,
        door: Key | None = None,
    ) -> tuple[Value, bool]:
        """The result, and whether it was cached or somebody else's: `compute` is called once for all who ask meanwhile.

        An exception of `compute` is not cached. All threads that wait for that very computation get it as well, but for
        `ClientGone` and what is no `Exception` (an interrupt): those concern one caller, and another one computes.
        Other processes compute for themselves then, one after the other. `gone` says whether the caller's client has
        left while it waits (raises `ClientGone`); `keep` whether a computed value may be cached. `shared`: the caller
        promises not to change the value, and gets it without the price of a copy. `compute` must not ask for keys whose
        computation may ask for this one. Of all computations that name the same `door`, in all processes, one runs at
        a time; without it only those of the same key do.
        """
        parts, check = self._own(), _checker(gone)
        until = time.monotonic() + self._patience_s
        own = _as_it_is if shared else copy
        while True:
            held = self._look_up(parts, key)
            if held is not None:
                return own(held.value), True
            flight, leads = parts.flights.join(key)
            if leads:
                held, cached = self._lead(
                    parts, key, flight, lambda: self._fetch(parts, key, compute, keep, check, until, door or key)
                )
                return own(held.value), cached
            held = flight.wait(until - time.monotonic(), check)
            if held is not None:
                self._count(shared=1)
                return own(held.value), True
            if time.monotonic() >= until:
                parts.flights.leave(key, flight)

    def _lead(
        self, parts: _Parts, key: Key, flight: Flight, work: Callable[[], tuple[Held, bool]]
    ) -> tuple[Held, bool]:
        """Do the work, and end the flight as it ended."""
        end = flight.abandon
        try:
            held, cached = work()
            end = partial(flight.land, held)
        except ClientGone:
            raise
        except Exception as problem:
            end = partial(flight.fail, problem)
            self._count(failed=1)
            raise
        finally:
            parts.flights.leave(key, flight)
            end()
        return held, cached

    def _fetch(
        self,
        parts: _Parts,
        key: Key,
        compute: Compute,
        keep: Callable[[Value], bool],
        check: Check,
        until: float,
        door: Key,
    ) -> tuple[Held, bool]:
        """Compute behind the door, so that no other process does the same; but one may just have done so."""
        with _door(parts, door, until, check):
            held = self._look_up(parts, key)
            if held is not None:
                return held, True
            self._count(misses=1)
            start = time.monotonic()
            value = compute()
            entry = Entry(dump(value), (time.monotonic() - start) * 1000)
            held = hold(entry)
            if keep(value):
                self._keep(parts, key, entry, held)
            return held, False

    def relieve(self, level: PressureLevel) -> int:
        """Let memory shrink to what a level of pressure leaves, or grow again. Returns how many entries had to go."""
        parts = self._own()
        changed, self.level = level is not self.level, level
        gone = parts.tiers.memory.resize(*self.limits.under(level))
        pressed = level is not PressureLevel.NORMAL
        self._count(pressure_evictions=gone, pressure_events=int(changed and pressed), adjustments=int(changed))
        return gone

    def close(self) -> None:
        """Close the file. The cache may be used again, and opens it again then."""
        self._own().tiers.close()

    def _look_up(self, parts: _Parts, key: Key) -> Held | None:
        held = parts.tiers.from_memory(key)
        if held is not None:
            self._count(memory_hits=1, saved_ms=held.cost_ms)
            return held
        held = parts.tiers.from_disk(key)
        if held is not None:
            self._count(disk_hits=1, saved_ms=held.cost_ms)
        return held

    def _keep(self, parts: _Parts, key: Key, entry: Entry, held: Held) -> None:
        self._count(evictions=parts.tiers.keep(key, entry, held))

    def _own(self) -> _Parts:
        if self._parts.pid != os.getpid():
            _left_behind.append(self._parts)
            self._parts, self.counts = _Parts(self.limits, self.folder), Counts()
            self._parts.tiers.memory.resize(*self.limits.under(self.level))
        return self._parts

    def _count(self, **more: float) -> None:
        with self._parts.lock:
            for name, number in more.items():
                setattr(self.counts, name, getattr(self.counts, name) + number)


def _as_it_is(value: Value) -> Value:
    return value


def _checker(gone: Callable[[], bool] | None) -> Check:
    def check() -> None:
        if gone is not None and gone():
            msg = "The client left before the answer was ready."
            raise ClientGone(msg)

    return check


def _door(parts: _Parts, key: Key, until: float, check: Check) -> contextlib.AbstractContextManager[bool]:
    if parts.doors is None:
        return contextlib.nullcontext(False)
    return parts.doors.held(key, until - time.monotonic(), check)
