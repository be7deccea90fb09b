"""A pool of long-lived children: a start costs 0.03 to 0.2 s, a question to one that runs costs 0.2 ms."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .errors import NoRoom, NotStarted
from .runner import Limits
from .worker import Answer, Worker


@dataclass(frozen=True, slots=True)
class Wear:
    """After what a child is replaced, between two questions: libraries leak, and memory gets holes."""

    questions: int = 1000
    resident_bytes: int = 256 * 1024**2


class Pool:
    """Runs one task, at most `most` times at the same time, in children that stay. Threads may share it.

    The task is a function `(request) -> Iterable[(answer, bytes)]`, named `package.module:function`; request and answer
    are JSON. Children are started when they are first needed. One that dies, hangs past `limits.seconds`, passes a
    limit or is worn out is replaced when the next question comes.
    """

    def __init__(self, task: str, most: int = 2, limits: Limits | None = None, wear: Wear | None = None) -> None:
        self._task = task
        self._limits = limits or Limits()
        self._wear = wear or Wear()
        self._room = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[Worker] = []  # the one used last is taken first: it is warm, and the others may be swapped out
        self._all: set[Worker] = set()
        self._closed = False
        # The kernel kills a child when the thread that started it ends; request threads come and go, this one stays.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="isolated-pool")

    def stream(self, request: Any) -> Iterator[Answer]:
        """The answers as they come. Closing the iterator kills the child. Raises an `IsolationError`."""
        until = time.monotonic() + self._limits.seconds
        with self._turn() as worker:
            yield from worker.stream(request, until)

    def pids(self) -> list[int]:
        """Of the children that there are."""
        with self._lock:
            return sorted(worker.pid for worker in self._all if worker.alive)

    def close(self) -> None:
        """Kill all children, busy ones too; who waits for them gets an error, and so does whoever asks later."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = self._all.difference(idle)
        for worker in busy:
            worker.kill()  # its thread puts it away
        for worker in idle:
            self._put_away(worker)
        self._starter.shutdown()

    @contextmanager
    def _turn(self) -> Iterator[Worker]:
        if not self._room.acquire(timeout=self._limits.seconds):
            msg = f"no process was free within {self._limits.seconds:g} s"
            raise NoRoom(msg)
        try:
            worker = self._taken() or self._started()
            try:
                yield worker
            finally:
                self._give_back(worker)
        finally:
            self._room.release()

    def _taken(self) -> Worker | None:
        """One that waits; those that died while they did are put away."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                worker = self._idle.pop()
            if worker.alive:
                return worker
            self._put_away(worker)

    def _started(self) -> Worker:
        try:
            worker = self._starter.submit(Worker, self._task, self._limits).result()
        except RuntimeError as problem:  # it was shut down
            msg = "the pool is closed"
            raise NotStarted(msg) from problem
        with self._lock:
            self._all.add(worker)
            closed = self._closed
        if closed:
            self._put_away(worker)
            msg = "the pool is closed"
            raise NotStarted(msg)
        return worker

    def _give_back(self, worker: Worker) -> None:
        worn = worker.answered >= self._wear.questions or worker.resident_bytes > self._wear.resident_bytes
        with self._lock:
            if stays := worker.alive and not worn and not self._closed:
                self._idle.append(worker)
        if not stays:
            self._put_away(worker)

    def _put_away(self, worker: Worker) -> None:
        worker.close()
        with self._lock:
            self._all.discard(worker)
