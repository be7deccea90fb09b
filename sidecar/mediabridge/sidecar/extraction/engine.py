"""The engine: a pool of ExifTool processes; queueing, deadlines, replacement, recycling, figures.

A request takes a free slot (or waits for one in a fair queue), hands its command to the slot's owner thread and waits
for the answer. A process that is worn out works on until its successor is ready, and ends between two files.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial

from mediabridge.sidecar.events import QUEUED_S, emit
from mediabridge.sidecar.faults import ClientGone, EngineBusy, EngineClosed

from .exiftool import Reply
from .figures import Counts, PoolStats, State, Wear
from .slot import Process, Slot
from .turns import ClosedError, Turns

__all__ = ["NAME", "Engine", "PoolStats", "Process", "Wear"]
NAME = "exiftool"
_POLL_S = 0.25  # how often a waiting request looks whether its client is still there
_RETIRE_S = 1.0  # for a process that is worn out to end by itself
_log = logging.getLogger(__name__)


class Engine:
    """A pool of ExifTool processes. `make` builds one that is not started yet, and may raise `EngineUnavailable`."""

    def __init__(self, make: Callable[[], Process], *, processes: int = 1, wear: Wear | None = None) -> None:
        self._make = make
        self._wear = wear or Wear()
        self._counts = Counts()
        self._names = itertools.count()
        self._lock = threading.Lock()  # over which slots there are, and which of them leaves
        self._slots = tuple(self._new_slot() for _ in range(processes))
        self._turns = Turns(self._slots)
        self._successor: Slot | None = None
        self._leaving: Slot | None = None
        self._closed = False

    def start(self) -> None:
        """Start all processes in the background, one after the other; requests that come before start theirs."""
        self._start_from(0)

    @property
    def size(self) -> int:
        """How many files can be read at once."""
        return len(self._slots)

    @property
    def state(self) -> State:
        """`ready` when one process or more can work; else what keeps them all from it."""
        states = {slot.state for slot in self._slots}
        order: tuple[State, ...] = ("ready", "starting", "missing", "down")
        return next(state for state in order if state in states)

    @property
    def version(self) -> str | None:
        """ExifTool's version, once a process has started."""
        return next((slot.version for slot in self._slots if slot.version), None)

    def stats(self) -> PoolStats:
        """Figures of this moment."""
        processes, counts = tuple(slot.stats() for slot in self._slots), self._counts
        mean_ms, mean_wait_ms = counts.means_ms()
        return PoolStats(
            size=len(processes),
            alive=sum(process.pid is not None for process in processes),
            busy=sum(process.busy for process in processes),
            queued=self._turns.waiting,
            restarts=counts.restarts,
            recycled=counts.recycled,
            completed=counts.completed,
            failed=counts.failed,
            timeouts=counts.timeouts,
            mean_ms=mean_ms,
            mean_wait_ms=mean_wait_ms,
            processes=processes,
        )

    def run(
        self,
        *arguments: str | bytes,
        timeout_s: float,
        gone: Callable[[], bool] | None = None,
        patience_s: float | None = None,
        files: int = 1,
    ) -> Reply:
        """Run one command, over so many files, on a free process.

        `timeout_s` limits the command itself, so that a file that hangs costs those behind it nothing but the wait;
        `patience_s` limits that wait, and how much longer than `timeout_s` a process may take that has to start first.
        `gone` is asked now and then whether the client has left. Raises `ExtractionTimeout`, `EngineDied`,
        `EngineUnavailable`, `EngineBusy`, `EngineClosed`, `ClientGone`, `UnreadableFile` (endless output).
        """
        slot = self._take(gone, _after(patience_s))
        ticket = object()
        try:
            future = slot.submit(ticket, arguments, timeout_s, files)
        except RuntimeError as problem:  # its executor is shut down
            raise _closed() from problem
        future.add_done_callback(lambda _: self._give_back(slot))
        try:
            return self._await(future, gone, _after(None if patience_s is None else timeout_s + patience_s))
        except ClientGone:
            slot.interrupt(ticket)
            raise

    def close(self, timeout_s: float = 1.0) -> None:
        """End all processes; commands that still run are cut off with `EngineClosed`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            slots = [*self._slots, *(slot for slot in (self._successor, self._leaving) if slot is not None)]
        self._turns.close()
        wait([ended for slot in slots if (ended := slot.close(timeout_s)) is not None], timeout_s + 1)

    def _new_slot(self) -> Slot:
        return Slot(self._make, str(next(self._names)), self._counts)

    def _start_from(self, number: int) -> None:
        if number < len(self._slots) and not self._closed:
            _start(self._slots[number], lambda: self._start_from(number + 1))

    def _take(self, gone: Callable[[], bool] | None, until: float | None) -> Slot:
        started = time.monotonic()
        try:
            slot = self._turns.take(partial(_check, gone, until), _POLL_S)
        except ClosedError as problem:
            raise _closed() from problem
        waited_s = time.monotonic() - started
        self._counts.add(waits=1, wait_s=waited_s)
        if waited_s > QUEUED_S:
            words = f"waited {waited_s:.1f} s for one of {self.size} ExifTool processes"
            waited_ms = round(waited_s * 1000)
            emit(_log, logging.INFO, "performance.queued", words, elapsedMs=waited_ms, queued=self._turns.waiting)
        return slot

    def _await(self, future: Future[Reply], gone: Callable[[], bool] | None, until: float | None) -> Reply:
        while not wait([future], _POLL_S).done:
            _check(gone, until)
        if future.cancelled():
            raise _closed()
        return future.result()

    # What follows runs in owner threads.

    def _give_back(self, slot: Slot) -> None:
        """After each command, in the owner thread of its slot."""
        with self._lock:
            if slot is self._leaving:
                self._leaving = None
                slot.retire(_RETIRE_S)
                return
            if slot.lost and not self._closed:
                # The request has its answer; nobody is given this slot before its next process is there.
                _start(slot, lambda: self._turns.give(slot))
                return
            why = self._worn(slot)
            self._turns.give(slot)
        if why is not None:
            self._recycle(slot, why)

    def _worn(self, slot: Slot) -> str | None:
        """Why this slot's process is to be replaced now; one at a time. Claims the place of the successor."""
        if self._closed or self._successor is not None or self._leaving is not None:
            return None
        why = self._wear.reason(slot.files, slot.pid)
        if why is not None:
            self._successor = self._new_slot()
        return why

    def _recycle(self, slot: Slot, why: str) -> None:
        successor = self._successor
        if successor is not None:
            words = f"ExifTool (pid {slot.pid}) is worn out after {why}; the next one is started"
            emit(_log, logging.INFO, "process.worn", words, tool=slot.pid, files=slot.files, reason=why)
            _start(successor, lambda: self._succeed(slot, successor))

    def _succeed(self, old: Slot, new: Slot) -> None:
        """The successor is ready, or did not start; runs in its owner thread."""
        with self._lock:
            self._successor = None
            if self._closed or new.state != "ready":
                old.files = 0  # it goes on, and is asked again after as many files
                new.retire(0)
                return
            self._slots = tuple(new if slot is old else slot for slot in self._slots)
            self._counts.add(recycled=1)
            if self._turns.remove(old):
                old.retire(_RETIRE_S)
            else:
                self._leaving = old
            self._turns.give(new)
        words = f"ExifTool (pid {new.pid}) takes the place of a worn out one (pid {old.pid})"
        emit(_log, logging.INFO, "process.recycled", words, tool=new.pid, replaces=old.pid)


def _start(slot: Slot, then: Callable[[], None]) -> None:
    try:
        slot.warm_up().add_done_callback(lambda _: then())
    except RuntimeError:  # closed in this very moment
        return


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _check(gone: Callable[[], bool] | None, until: float | None) -> None:
    if gone is not None and gone():
        msg = "The client left before the answer was ready."
        raise ClientGone(msg)
    if until is not None and time.monotonic() > until:
        msg = "No ExifTool process was free in time."
        raise EngineBusy(msg)


def _closed() -> EngineClosed:
    return EngineClosed("The sidecar is stopping and takes no more files.")
