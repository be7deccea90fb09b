"""The engine: N ExifTool processes, each with one owner thread; queueing, deadlines, replacement, figures.

A request takes a free slot (or waits for one), hands its command to the slot's owner thread and waits for the answer.
The owner thread lives as long as the engine: the kernel kills a process whose starting thread ends (PR_SET_PDEATHSIG),
and PyExifTool answers two threads with each other's output.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from mediabridge.sidecar.faults import (
    ClientGone,
    EngineBusy,
    EngineClosed,
    EngineDied,
    EngineUnavailable,
    ExtractionTimeout,
    UnreadableFile,
)

from .exiftool import (
    OutputTooLargeError,
    ProcessDiedError,
    ProcessFailedError,
    ProcessHungError,
    ProcessUnusableError,
    Reply,
)

NAME = "exiftool"
_POLL_S = 0.25  # how often a waiting request looks whether its client is still there

State = Literal["starting", "ready", "missing", "down"]
_log = logging.getLogger(__name__)


class Process(Protocol):
    """What the engine needs of a process; `ExifToolProcess` is the real one."""

    @property
    def running(self) -> bool:
        """Whether it lives."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def pid(self) -> int | None:
        """Its process id while it lives."""

    def run(self) -> None:
        """Start it. Raises `ProcessUnusableError`."""

    def ask(self, *arguments: str | bytes, timeout_s: float) -> Reply:
        """Run one command. Raises a `ProcessFailedError`."""

    def kill(self) -> None:
        """End it now, from any thread."""

    def terminate(self, timeout: float = 1.0) -> None:
        """End it within `timeout` seconds and release it."""


@dataclass(frozen=True, slots=True)
class PoolStats:
    """Figures of one moment: `size`, `alive`, `busy` count processes, `queued` requests; the rest since the start."""

    size: int
    alive: int
    busy: int
    queued: int
    restarts: int
    completed: int
    failed: int

    def as_json(self) -> dict[str, object]:
        """As the health answer has it."""
        return asdict(self)


class _Slot:
    """One process and its owner thread."""

    def __init__(self, make: Callable[[], Process], number: int) -> None:
        self._make = make
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"exiftool-owner-{number}")
        self._lock = threading.Lock()
        self._ticket: object = None
        self._process: Process | None = None
        self._closed = False
        self.state: State = "starting"
        self.version: str | None = None
        self.restarts = self.completed = self.failed = 0

    @property
    def alive(self) -> bool:
        process = self._process
        return process is not None and process.running

    def warm_up(self) -> None:
        """Start the process in the background."""
        self._executor.submit(self._warm_up)

    def submit(self, ticket: object, arguments: tuple[str | bytes, ...], timeout_s: float) -> Future[Reply]:
        context = contextvars.copy_context()  # carries the request id into the log lines
        return self._executor.submit(context.run, self._work, ticket, arguments, timeout_s)

    def interrupt(self, ticket: object) -> None:
        """Kill the process if it works on this ticket; the lock makes sure that it does not hit the next one's work."""
        with self._lock:
            if self._ticket is ticket and self._process is not None:
                self._process.kill()

    def close(self, timeout_s: float) -> None:
        self._closed = True
        with self._lock:
            if self._ticket is not None and self._process is not None:
                self._process.kill()
        wait([self._executor.submit(self._drop, timeout_s)], timeout_s + 1)
        self._executor.shutdown(wait=False, cancel_futures=True)

    # What follows runs in the owner thread.

    def _warm_up(self) -> None:
        with contextlib.suppress(EngineUnavailable, EngineClosed):
            self._ready_process()

    def _work(self, ticket: object, arguments: tuple[str | bytes, ...], timeout_s: float) -> Reply:
        with self._lock:
            self._ticket = ticket
        try:
            reply = self._ask_twice(arguments, timeout_s)
        except (EngineDied, ExtractionTimeout, UnreadableFile):
            self.failed += 1
            self._restart()
            raise
        finally:
            with self._lock:
                self._ticket = None
        self.completed += 1
        return reply

    def _ask_twice(self, arguments: tuple[str | bytes, ...], timeout_s: float) -> Reply:
        try:
            return self._ask(arguments, timeout_s)
        except ProcessDiedError as problem:
            if problem.sent:
                raise self._died(problem) from problem
        self.restarts += 1  # found dead before it took the command: a fresh process may try
        try:
            return self._ask(arguments, timeout_s)
        except ProcessDiedError as problem:
            raise self._died(problem) from problem

    def _ask(self, arguments: tuple[str | bytes, ...], timeout_s: float) -> Reply:
        process = self._ready_process()
        reply = None
        try:
            reply = process.ask(*arguments, timeout_s=timeout_s)
        except ProcessHungError as problem:
            _log.warning("ExifTool (pid %s) gave no answer within %g s and is replaced", process.pid, timeout_s)
            msg = f"ExifTool did not finish this file within {timeout_s:g} s; its process was killed and replaced."
            raise ExtractionTimeout(msg) from problem
        except OutputTooLargeError as problem:
            _log.warning("ExifTool (pid %s) is replaced: %s", process.pid, problem)
            msg = f"ExifTool was stopped at this file: {problem}."
            raise UnreadableFile(msg) from problem
        except ProcessUnusableError as problem:
            raise EngineUnavailable(str(problem)) from problem
        finally:
            if reply is None:  # whatever came between, its answer may still lie in the pipe
                self._drop(0)
        return reply

    def _died(self, problem: ProcessDiedError) -> EngineDied | EngineClosed:
        if self._closed:
            return EngineClosed("The sidecar is stopping; the extraction was cut off.")
        _log.warning("ExifTool ended in the middle of a file (%s) and is replaced", problem)
        return EngineDied(f"ExifTool ended in the middle of this file ({problem}) and was replaced.")

    def _ready_process(self) -> Process:
        if self._closed:
            msg = "The sidecar is stopping and takes no more files."
            raise EngineClosed(msg)
        if self._process is not None:
            return self._process
        try:
            process = self._make()
            process.run()
        except EngineUnavailable as problem:
            self._fell_out("missing" if problem.missing else "down", problem.message)
            raise
        except ProcessFailedError as problem:
            self._fell_out("down", str(problem))
            msg = f"{problem}."
            raise EngineUnavailable(msg, "Check EXIFTOOL_PATH; run 'exiftool -ver' by hand.") from problem
        self._process = process
        self.state, self.version = "ready", process.version
        _log.info("ExifTool %s started (pid %s)", process.version, process.pid)
        return process

    def _fell_out(self, state: State, why: str) -> None:
        if self.state != state:
            _log.error("extraction is off: %s", why)
        self.state = state

    def _restart(self) -> None:
        """Start the next process, once the request has got its answer."""
        if not self._closed:
            self.restarts += 1
            self.state = "starting"
            with contextlib.suppress(RuntimeError):  # closed in this very moment
                self._executor.submit(self._warm_up)

    def _drop(self, timeout_s: float) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.terminate(timeout_s)


class Engine:
    """A pool of ExifTool processes. `make` builds one that is not started yet, and may raise `EngineUnavailable`."""

    def __init__(self, make: Callable[[], Process], *, processes: int = 1) -> None:
        self._slots = tuple(_Slot(make, number) for number in range(processes))
        self._free: queue.SimpleQueue[_Slot] = queue.SimpleQueue()
        for slot in self._slots:
            self._free.put(slot)
        self._waiting = 0
        self._waiting_lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Start all processes in the background; requests that come before wait for them."""
        for slot in self._slots:
            slot.warm_up()

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
        slots = self._slots
        return PoolStats(
            size=len(slots),
            alive=sum(slot.alive for slot in slots),
            busy=len(slots) - self._free.qsize(),
            queued=self._waiting,
            restarts=sum(slot.restarts for slot in slots),
            completed=sum(slot.completed for slot in slots),
            failed=sum(slot.failed for slot in slots),
        )

    def run(
        self,
        *arguments: str | bytes,
        timeout_s: float,
        gone: Callable[[], bool] | None = None,
        patience_s: float | None = None,
    ) -> Reply:
        """Run one command on a free process.

        `timeout_s` limits the command itself, so that a file that hangs costs those behind it nothing but the wait;
        `patience_s` limits that wait, and how much longer than `timeout_s` a process may take that has to start first.
        `gone` is asked now and then whether the client has left. Raises `ExtractionTimeout`, `EngineDied`,
        `EngineUnavailable`, `EngineBusy`, `EngineClosed`, `ClientGone`, `UnreadableFile` (endless output).
        """
        slot = self._take(gone, _after(patience_s))
        ticket = object()
        try:
            future = slot.submit(ticket, arguments, timeout_s)
        except RuntimeError as problem:  # its executor is shut down
            raise _closed() from problem
        future.add_done_callback(lambda _: self._free.put(slot))
        try:
            return self._await(future, gone, _after(None if patience_s is None else timeout_s + patience_s))
        except ClientGone:
            slot.interrupt(ticket)
            raise

    def close(self, timeout_s: float = 1.0) -> None:
        """End all processes; commands that still run are cut off with `EngineClosed`."""
        if self._closed:
            return
        self._closed = True
        for slot in self._slots:
            slot.close(timeout_s)

    def _take(self, gone: Callable[[], bool] | None, until: float | None) -> _Slot:
        with self._waiting_lock:
            self._waiting += 1
        try:
            while not self._closed:
                _check(gone, until)
                with contextlib.suppress(queue.Empty):
                    return self._free.get(timeout=_POLL_S)
        finally:
            with self._waiting_lock:
                self._waiting -= 1
        raise _closed()

    def _await(self, future: Future[Reply], gone: Callable[[], bool] | None, until: float | None) -> Reply:
        while not wait([future], _POLL_S).done:
            _check(gone, until)
        if future.cancelled():
            raise _closed()
        return future.result()


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
