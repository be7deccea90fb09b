"""Who works next: things that are free, and a fair queue of those who wait for one."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class ClosedError(Exception):
    """Nothing is given out any more."""


class Turns(Generic[T]):
    """Gives out free things; those who wait get theirs in the order in which they came.

    What was used last is given out first: its memory is warm, and what is not needed stays at rest.
    """

    def __init__(self, free: Iterable[T]) -> None:
        self._lock = threading.Lock()
        self._free = list(free)[::-1]
        self._waiting: deque[Future[T]] = deque()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self, check: Callable[[], None], poll_s: float) -> T:
        """Wait for a free one. `check` is called at once and every `poll_s` seconds; what it raises ends the wait.

        Raises `ClosedError`.
        """
        check()
        turn: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise ClosedError
            if self._free and not self._waiting:
                return self._free.pop()
            self._waiting.append(turn)
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    return turn.result(poll_s)
                check()
        except BaseException:
            self._leave(turn)
            raise

    def give(self, one: T) -> None:
        """Make it free."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set_result(one)
            else:
                self._free.append(one)

    def remove(self, one: T) -> bool:
        """Give it out never again; false when it is not free at this moment."""
        with self._lock:
            if one not in self._free:
                return False
            self._free.remove(one)
            return True

    def close(self) -> None:
        """End all waiting."""
        with self._lock:
            self._closed = True
            while self._waiting:
                self._waiting.popleft().set_exception(ClosedError())

    def _leave(self, turn: Future[T]) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        if turn.done() and turn.exception() is None:  # it came in this very moment
            self.give(turn.result())
