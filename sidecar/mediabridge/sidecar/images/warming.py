"""The pictures that are asked for most are made again before somebody asks: after a start, and after an eviction."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from mediabridge.sidecar.events import emit
from mediabridge.sidecar.faults import Fault

from .popular import Key, Popular

_FLUSH_S = 60.0
_log = logging.getLogger(__name__)


class Warmer:
    """One thread. `missing(content_hash, preset)`, `submit(content_hash)` queues a job, `idle()`: nothing waits there.

    A job is queued only when nothing else waits in the queue, one after the other, so that nobody waits for it.
    `first_s`: seconds after the start; an eviction brings another round, an hour after the last one at the earliest,
    or what is made and what is evicted would chase each other. At most `most` pictures are looked at.
    """

    def __init__(
        self,
        popular: Popular,
        missing: Callable[[str, str], bool],
        submit: Callable[[str], object],
        idle: Callable[[], bool],
        *,
        most: int = 100,
        first_s: float = 30.0,
        again_s: float = 3600.0,
        poll_s: float = 1.0,
    ) -> None:
        self._popular = popular
        self._missing, self._submit, self._idle = missing, submit, idle
        self._most, self._again_s, self._poll_s = most, again_s, poll_s
        self._due = time.monotonic() + first_s
        self._flush_at = time.monotonic() + _FLUSH_S
        self._wanted = True
        self._left: list[Key] = []  # of this round, what is asked for most last
        self._queued: set[str] = set()
        self._woken = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="warming", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def note(self, content_hash: str, preset: str) -> None:
        """A picture was asked for."""
        self._popular.note(content_hash, preset)

    def evicted(self) -> None:
        """Some may be gone that are asked for often."""
        self._wanted = True
        self._woken.set()

    def close(self) -> None:
        """Stop, and write down what was counted."""
        self._closed = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self._flush()

    def _run(self) -> None:
        while True:
            self._woken.wait(self._pause())
            self._woken.clear()
            if self._closed:
                return
            now = time.monotonic()
            if now >= self._flush_at:
                self._flush_at = now + _FLUSH_S
                self._flush()
            if self._wanted and now >= self._due and not self._left:
                self._wanted, self._due = False, now + self._again_s
                self._left = self._popular.top(self._most)[::-1]
                self._queued = set()
            if self._left:
                self._guarded_step()

    def _pause(self) -> float:
        if self._left:
            return self._poll_s
        until = min(self._flush_at, self._due) if self._wanted else self._flush_at
        return max(until - time.monotonic(), 0.0)

    def _guarded_step(self) -> None:
        try:
            if self._idle():
                self._step()
        except Fault as problem:  # the queue is full, or fails: whoever asks has it made
            _log.info("pictures that are asked for often are not made ahead now: %s", problem.message)
            self._left = []

    def _step(self) -> None:
        """Queue the next one that is missing; a job makes all presets of an original."""
        while self._left:
            content_hash, preset = self._left.pop()
            if content_hash not in self._queued and self._missing(content_hash, preset):
                self._queued.add(content_hash)
                self._submit(content_hash)
                break
        if not self._left and self._queued:
            words = f"{len(self._queued)} jobs make pictures that are asked for often and are missing"
            emit(_log, logging.INFO, "storage.warmed", words, jobs=len(self._queued))

    def _flush(self) -> None:
        try:
            self._popular.flush()
        except OSError as problem:
            _log.info("counts of what is asked for cannot be kept now: %s", problem)
