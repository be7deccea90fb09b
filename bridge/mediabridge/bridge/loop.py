"""One thread, one queue, and timers: whatever is posted runs there, one after the other."""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]


class Loop:
    """Runs jobs in order until `done` says so; `after` is called behind every job, `close` once at the end."""

    def __init__(
        self, clock: Callable[[], float], *, after: Job, done: Callable[[], bool], close: Job, name: str
    ) -> None:
        self._clock = clock
        self._after = after
        self._done = done
        self._close = close
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def inside(self) -> bool:
        """Whether the caller is a job of this loop."""
        return self._thread is threading.current_thread()

    def post(self, job: Job) -> None:
        """Have `job` run as soon as possible. From any thread."""
        self._jobs.put(job)

    def later(self, delay_s: float, job: Job) -> None:
        """Have `job` run after `delay_s`. From the loop's own thread only."""
        heapq.heappush(self._timers, (self._clock() + delay_s, next(self._order), job))

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False when the time is over first."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._done():
                self._next()()
                self._after()
        finally:
            self._close()

    def _next(self) -> Job:
        """The next job: a timer that is due, or what comes first."""
        while True:
            wait = self._timers[0][0] - self._clock() if self._timers else None
            if wait is not None and wait <= 0:
                return heapq.heappop(self._timers)[2]
            try:
                return self._jobs.get(timeout=wait)
            except queue.Empty:
                continue
