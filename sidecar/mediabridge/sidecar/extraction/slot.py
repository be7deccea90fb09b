"""One ExifTool process and the thread that owns it.

The owner thread lives as long as the slot: the kernel kills a process whose starting thread ends (PR_SET_PDEATHSIG),
and PyExifTool answers two threads with each other's output.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from mediabridge.sidecar.events import SLOW_S, emit
from mediabridge.sidecar.faults import EngineClosed, EngineDied, EngineUnavailable, ExtractionTimeout, UnreadableFile

from .exiftool import (
    OutputTooLargeError,
    ProcessDiedError,
    ProcessFailedError,
    ProcessHungError,
    ProcessUnusableError,
    Reply,
)
from .figures import Counts, ProcessStats, State, resident_bytes

Arguments = tuple[str | bytes, ...]
_log = logging.getLogger(__name__)


class Process(Protocol):
    """What a slot needs of a process; `ExifToolProcess` is the real one."""

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


class Slot:
    """A place for one process: starts it when it is needed, runs commands, replaces it when it was lost."""

    def __init__(self, make: Callable[[], Process], name: str, counts: Counts) -> None:
        self._make = make
        self._counts = counts
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"exiftool-owner-{name}")
        self._lock = threading.Lock()
        self._ticket: object = None
        self._process: Process | None = None
        self._closed = False
        self.state: State = "starting"
        self.version: str | None = None
        self.files = 0  # that the process of now has read
        self.lost = False  # its process is gone, and the next one was not started yet

    @property
    def alive(self) -> bool:
        """Whether a process lives."""
        process = self._process
        return process is not None and process.running

    @property
    def pid(self) -> int | None:
        """Of the process, while it lives."""
        process = self._process
        return process.pid if process is not None else None

    def stats(self) -> ProcessStats:
        """Figures of this moment."""
        pid = self.pid
        return ProcessStats(pid, self.state, self._ticket is not None, self.files, resident_bytes(pid))

    def warm_up(self) -> Future[None]:
        """Start the process in the background; see `state` afterwards. Raises `RuntimeError` when closed."""
        return self._executor.submit(self._warm_up)

    def submit(self, ticket: object, arguments: Arguments, timeout_s: float, files: int) -> Future[Reply]:
        """Run one command over so many files. Raises `RuntimeError` when closed."""
        context = contextvars.copy_context()  # carries the request id into the log lines
        return self._executor.submit(context.run, self._work, ticket, arguments, timeout_s, files)

    def interrupt(self, ticket: object) -> None:
        """Kill the process if it works on this ticket; the lock makes sure that it does not hit the next one's work."""
        with self._lock:
            if self._ticket is ticket and self._process is not None:
                self._process.kill()

    def close(self, timeout_s: float) -> Future[None] | None:
        """Cut off what runs and end the process, in the background; None when that was done before."""
        with self._lock:
            self._closed = True
            if self._ticket is not None and self._process is not None:
                self._process.kill()
        return self.retire(timeout_s)

    def retire(self, timeout_s: float) -> Future[None] | None:
        """End the process, which has no work, in the background; None when that was done before."""
        try:
            ended = self._executor.submit(self._drop, timeout_s)
        except RuntimeError:  # shut down
            return None
        self._executor.shutdown(wait=False)
        return ended

    # What follows runs in the owner thread.

    def _warm_up(self) -> None:
        with contextlib.suppress(EngineUnavailable, EngineClosed):
            self._ready_process()

    def _work(self, ticket: object, arguments: Arguments, timeout_s: float, files: int) -> Reply:
        with self._lock:
            self._ticket = ticket
        started = time.monotonic()
        try:
            reply = self._ask_twice(arguments, timeout_s)
        except (EngineDied, ExtractionTimeout, UnreadableFile) as problem:
            self._counts.add(failed=1, timeouts=isinstance(problem, ExtractionTimeout))
            self._lose()
            raise
        finally:
            with self._lock:
                self._ticket = None
        taken_s = time.monotonic() - started
        self.files += files
        self._counts.add(completed=files, work_s=taken_s)
        if taken_s > SLOW_S:
            words = f"ExifTool (pid {self.pid}) took {taken_s:.1f} s"
            emit(_log, logging.WARNING, "performance.slow", words, tool=self.pid, files=files, elapsedMs=taken_s * 1000)
        return reply

    def _ask_twice(self, arguments: Arguments, timeout_s: float) -> Reply:
        try:
            return self._ask(arguments, timeout_s)
        except ProcessDiedError as problem:
            if problem.sent:
                raise self._died(problem) from problem
        self._counts.add(restarts=1)  # found dead before it took the command: a fresh process may try
        try:
            return self._ask(arguments, timeout_s)
        except ProcessDiedError as problem:
            raise self._died(problem) from problem

    def _ask(self, arguments: Arguments, timeout_s: float) -> Reply:
        process = self._ready_process()
        reply = None
        try:
            reply = process.ask(*arguments, timeout_s=timeout_s)
        except ProcessHungError as problem:
            words = f"ExifTool (pid {process.pid}) gave no answer within {timeout_s:g} s and is replaced"
            emit(_log, logging.WARNING, "process.hung", words, tool=process.pid, timeoutS=timeout_s)
            msg = f"ExifTool did not finish this file within {timeout_s:g} s; its process was killed and replaced."
            raise ExtractionTimeout(msg) from problem
        except OutputTooLargeError as problem:
            words = f"ExifTool (pid {process.pid}) is replaced: {problem}"
            emit(_log, logging.WARNING, "process.flooded", words, tool=process.pid)
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
        words = f"ExifTool ended in the middle of a file ({problem}) and is replaced"
        emit(_log, logging.WARNING, "process.died", words, how=str(problem))
        return EngineDied(f"ExifTool ended in the middle of this file ({problem}) and was replaced.")

    def _ready_process(self) -> Process:
        if self._closed:
            msg = "The sidecar is stopping and takes no more files."
            raise EngineClosed(msg)
        if self._process is not None:
            return self._process
        self.lost = False
        started = time.monotonic()
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
        with self._lock:
            self._process, self.files = process, 0
            if self._closed:  # while it started, when there was nothing yet to kill
                process.kill()
        self.state, self.version = "ready", process.version
        elapsed_ms = round((time.monotonic() - started) * 1000, 1)
        words = f"ExifTool {process.version} started (pid {process.pid})"
        emit(
            _log,
            logging.INFO,
            "process.spawned",
            words,
            tool=process.pid,
            version=process.version,
            elapsedMs=elapsed_ms,
        )
        return process

    def _fell_out(self, state: State, why: str) -> None:
        if self.state != state:
            emit(_log, logging.ERROR, "engine.off", f"extraction is off: {why}", state=state)
        self.state = state

    def _lose(self) -> None:
        if not self._closed:
            self._counts.add(restarts=1)
            self.state = "starting"
            self.lost = True

    def _drop(self, timeout_s: float) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            pid = process.pid
            process.terminate(timeout_s)
            emit(_log, logging.INFO, "process.ended", f"ExifTool (pid {pid}) ended", tool=pid, files=self.files)
