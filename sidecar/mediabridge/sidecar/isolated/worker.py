"""One long-lived child, seen from the parent: questions in, answers out, each question with a deadline."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from mediabridge.sidecar.extraction import child_posix

from .errors import AnsweredTooMuch, Died, NotStarted, TaskFailed, TookTooLong
from .runner import START, Limits, environment, how_it_ended, out_of_memory

Answer = tuple[Any, bytes]
# glibc gives large blocks back to the system at once, and fetching them again costs a page fault for each 4 KiB: a
# fifth of the time of a 12-megapixel picture. The child gives them back when it has nothing to do. See mallopt(3).
_KEEPS_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(512 * 1024**2), "MALLOC_TRIM_THRESHOLD_": str(512 * 1024**2)}
_BLOCK = 256 * 1024
_AT_ONCE = 4096  # PIPE_BUF: a pipe that select calls writable takes as much without blocking (pipe(7))


class Worker:
    """Not for several threads at once. On Linux it is killed when the thread that built it ends.

    After any error but `TaskFailed` it is dead, and `alive` says so. `answered`: questions; `resident_bytes`: its
    memory after the last one.
    """

    def __init__(self, task: str, limits: Limits) -> None:
        """Start the process. Raises `NotStarted`."""
        self._limits = limits
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
        self._begun = bytearray()
        self.answered = 0
        self.resident_bytes = 0
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(START), "serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                bufsize=0,
                cwd="/",
                env=environment() | _KEEPS_MEMORY,
                process_group=0,
            )
        except OSError as problem:
            self._words.close()
            msg = f"no process could be started: {problem}"
            raise NotStarted(msg) from problem
        assert self._process.stdin is not None  # noqa: S101  it is a pipe
        assert self._process.stdout is not None  # noqa: S101
        self._questions, self._replies = self._process.stdin.fileno(), self._process.stdout.fileno()
        setup = {
            "task": task,
            "memory_bytes": limits.memory_bytes,
            "file_bytes": limits.file_bytes,
            "cpu_seconds": limits.cpu_seconds,
        }
        self._ask(setup, time.monotonic() + limits.seconds)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def stream(self, request: Any, until: float) -> Iterator[Answer]:
        """The answers as they come; `until` is of the monotonic clock. Raises an `IsolationError`.

        A stream that is not read to its end kills the process: what it still says would be taken for the next answer.
        """
        done = False
        try:
            self._forget_words()
            if self._ask(request, until):
                yield from self._answers(until)
                done = True
            else:
                raise how_it_ended(self._process, self._limits, self._words)
        except TaskFailed:
            done = True
            raise
        finally:
            self.answered += 1
            if not done:
                self.kill()

    def kill(self) -> None:
        """End it at once, and wait for its end."""
        child_posix.kill(self._process)
        self._process.wait()

    def close(self) -> None:
        """Kill it and give back its pipes."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._words):
            if pipe is not None:
                pipe.close()

    def _ask(self, value: Any, until: float) -> bool:
        """Whether it took the question. A child that does not read fills the pipe, so that this waits too."""
        left = memoryview(json.dumps(value).encode() + b"\n")
        try:
            while left:
                self._wait(self._questions, selectors.EVENT_WRITE, until)
                left = left[os.write(self._questions, left[:_AT_ONCE]) :]
        except OSError:
            return False
        return True

    def _forget_words(self) -> None:
        """What was said about earlier questions does not explain this one; and the file stays below its limit."""
        self._words.seek(0)
        self._words.truncate()

    def _answers(self, until: float) -> Iterator[Answer]:
        left = self._limits.output_bytes
        failure: Exception | None = None
        while True:
            line = self._line(until)
            match json.loads(line):
                case {"answer": answer, "bytes": int(length)}:
                    left -= len(line) + length
                    if left < 0:
                        raise _too_much(self._limits)
                    yield answer, self._data(length, until)
                case {"type": "MemoryError"}:
                    raise out_of_memory(self._limits)
                case {"type": str(type_name), "message": str(message)}:
                    failure = TaskFailed(type_name, message)
                case {"end": int(resident)}:
                    self.resident_bytes = resident
                    if failure:
                        raise failure
                    return
                case _:
                    msg = "it answered something else than was agreed"
                    raise Died(msg)

    def _line(self, until: float) -> bytes:
        while (end := self._begun.find(b"\n")) < 0:
            if len(self._begun) > self._limits.output_bytes:
                raise _too_much(self._limits)
            self._read(until)
        return self._take(end + 1)

    def _data(self, length: int, until: float) -> bytes:
        while len(self._begun) < length:
            self._read(until)
        return self._take(length)

    def _take(self, length: int) -> bytes:
        taken = bytes(self._begun[:length])
        del self._begun[:length]
        return taken

    def _read(self, until: float) -> None:
        self._wait(self._replies, selectors.EVENT_READ, until)
        block = os.read(self._replies, _BLOCK)
        if not block:
            raise how_it_ended(self._process, self._limits, self._words)
        self._begun += block

    def _wait(self, pipe: int, event: int, until: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            if not selector.select(max(until - time.monotonic(), 0)):
                msg = f"it was not done within {self._limits.seconds:g} s"
                raise TookTooLong(msg)


def _too_much(limits: Limits) -> AnsweredTooMuch:
    return AnsweredTooMuch(f"its answer passed {limits.output_bytes} bytes")
