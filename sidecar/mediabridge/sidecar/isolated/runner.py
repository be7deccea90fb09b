"""The parent's side: starts a child, reads its answers line by line, and kills it at the deadline."""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from mediabridge.sidecar.extraction import child_posix

from .errors import AnsweredTooMuch, Died, IsolationError, NoRoom, NotStarted, OutOfMemory, TaskFailed, TookTooLong

START = Path(__file__).with_name("start.py")
_BLOCK = 64 * 1024
_WORDS = 300  # of the child's own last words, in an error's message
# What a child may know of our environment: where programs, modules, temporary files are; nothing secret. The nonce lets
# the watcher of the bridge find it, should the sidecar be killed.
_INHERITED = ("PATH", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "HOME", "MEDIABRIDGE_NONCE")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use. `file_bytes` bounds each file that it writes, its own last words included."""

    seconds: float = 30.0
    memory_bytes: int = 1024**3  # of address space
    output_bytes: int = 16 * 1024**2
    file_bytes: int = 1024**2

    @property
    def cpu_seconds(self) -> int:
        """Of processor time, rounded up: a second guard, should the parent be stopped."""
        return math.ceil(self.seconds) + 1


class Runner:
    """Runs tasks, at most `most` at the same time, each in a new process. Threads may share it.

    A task is a function `(request) -> Iterable[answer]`, named `package.module:function`; request and answers are JSON.
    It is killed with the thread that waits for it.
    """

    def __init__(self, most: int = 2) -> None:
        self._room = threading.BoundedSemaphore(most)

    def run(self, task: str, request: Any, limits: Limits | None = None) -> Any:
        """The last answer of a task. Raises an `IsolationError`."""
        answer = None
        for answer in self.stream(task, request, limits):  # noqa: B007  the last one is what is wanted
            pass
        return answer

    def stream(self, task: str, request: Any, limits: Limits | None = None) -> Iterator[Any]:
        """The answers of a task as they come. Closing the iterator kills the child. Raises an `IsolationError`."""
        bounds = limits or Limits()
        until = time.monotonic() + bounds.seconds
        if not self._room.acquire(timeout=bounds.seconds):
            msg = f"no process was free within {bounds.seconds:g} s"
            raise NoRoom(msg)
        try:
            with tempfile.TemporaryFile() as words, _child(task, request, bounds, words) as child:
                yield from _answers(child, bounds, until, words)
        finally:
            self._room.release()


@contextmanager
def _child(task: str, request: Any, limits: Limits, words: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as question:
        question.write(json.dumps({"task": task, "request": request, "limits": asdict(limits)}).encode())
        question.seek(0)
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", str(START), "child", str(limits.cpu_seconds)],
                stdin=question,
                stdout=subprocess.PIPE,
                stderr=words,
                cwd="/",
                env=environment(),
                process_group=0,
            )
        except OSError as problem:
            msg = f"no process could be started: {problem}"
            raise NotStarted(msg) from problem
    with process:
        try:
            yield process
        finally:
            child_posix.kill(process)


def environment() -> dict[str, str]:
    """Of a child: where things are, and the nonce; nothing secret."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # One thread each: the threads of a linear algebra library cost address space, and cores that others use.
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}


def _answers(child: subprocess.Popen[bytes], limits: Limits, until: float, words: IO[bytes]) -> Iterator[Any]:
    for line in _lines(child, limits, until):
        match json.loads(line):
            case {"answer": answer}:
                yield answer
            case {"end": True}:
                return
            case {"type": "MemoryError"}:
                raise out_of_memory(limits)
            case {"type": str(type_name), "message": str(message)}:
                raise TaskFailed(type_name, message)
    raise how_it_ended(child, limits, words)


def _lines(child: subprocess.Popen[bytes], limits: Limits, until: float) -> Iterator[bytearray]:
    assert child.stdout is not None  # noqa: S101  it is a pipe
    left, begun = limits.output_bytes, bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(until - time.monotonic(), 0)):
                msg = f"it was not done within {limits.seconds:g} s"
                raise TookTooLong(msg)
            if not (block := os.read(child.stdout.fileno(), _BLOCK)):
                return
            left -= len(block)
            if left < 0:
                msg = f"its answer passed {limits.output_bytes} bytes"
                raise AnsweredTooMuch(msg)
            begun += block
            if b"\n" in block:
                *lines, begun = begun.split(b"\n")
                yield from lines


def how_it_ended(child: subprocess.Popen[bytes], limits: Limits, words: IO[bytes]) -> IsolationError:
    """Why a child closed its output before it had answered; `words` is what it said on standard error."""
    try:
        code = child.wait(1)
    except subprocess.TimeoutExpired:
        return Died("it closed its output without an answer")
    if code == -signal.SIGXCPU:
        return TookTooLong(f"it used more than {limits.cpu_seconds} s of processor time")
    last = _last_words(words)
    if "MemoryError" in last or "memory allocation" in last:  # the second is how Rust puts it, before it aborts
        return out_of_memory(limits)
    return Died(child_posix.how_it_ended(child) + (f" ({last})" if last else ""))


def _last_words(words: IO[bytes]) -> str:
    words.seek(0)
    lines = words.read(_BLOCK).decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:_WORDS] if lines else ""


def out_of_memory(limits: Limits) -> OutOfMemory:
    """The error, with the limit."""
    return OutOfMemory(f"it needed more than {limits.memory_bytes // 1024**2} MiB of memory")
