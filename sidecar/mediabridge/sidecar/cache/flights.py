"""Single flight within a process: of those who want the same key at the same time, one computes and the others wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .codec import Held, Key

_POLL_S = 0.1  # how often one who waits looks whether its client is still there


class Flight:
    """One computation under way. It ends in one of three ways: with a value, with an error, or abandoned."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._held: Held | None = None
        self._error: Exception | None = None

    def land(self, held: Held) -> None:
        """It is computed: all who wait get this."""
        self._held = held
        self._done.set()

    def fail(self, error: Exception) -> None:
        """It cannot be computed: all who wait get this error."""
        self._error = error
        self._done.set()

    def abandon(self) -> None:
        """Who computed has left, for a reason of its own: those who wait try again, and one of them computes."""
        self._done.set()

    def wait(self, patience_s: float, check: Callable[[], None]) -> Held | None:
        """The value; None when it was abandoned, or is not done within `patience_s`.

        Raises its error, and what `check` raises.
        """
        until = time.monotonic() + patience_s
        while not self._done.wait(min(_POLL_S, max(until - time.monotonic(), 0.0))):
            check()
            if time.monotonic() >= until:
                return None
        if self._error is not None:
            raise self._error
        return self._held


class Flights:
    """All computations under way in this process."""

    def __init__(self) -> None:
        self._flights: dict[Key, Flight] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._flights)

    def join(self, key: Key) -> tuple[Flight, bool]:
        """The flight of a key, and whether the caller leads it: who leads must end it, and `leave` before."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            flight = self._flights[key] = Flight()
            return flight, True

    def leave(self, key: Key, flight: Flight) -> None:
        """Take a flight off the list, so that who comes now looks into the cache or begins another."""
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
