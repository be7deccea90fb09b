"""Runs Tesseract to its end: what it says is bounded, so is its time, and nothing of it stays.

Another caller's wish to stop is heeded while it runs: one page may take a minute.
"""

from __future__ import annotations

import math
import os
import resource
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator

from mediabridge.sidecar.extraction import child_posix
from mediabridge.sidecar.isolated.runner import environment

Check = Callable[[], None]
_BLOCK = 64 * 1024
_MOST_OUT = 32 * 1024**2
_MOST_WORDS = 16 * 1024
_CHECKED_EVERY_S = 0.1
# One thread: its four are slower together when pages are read at once, and take cores that others use.
_ENVIRONMENT = {"OMP_THREAD_LIMIT": "1"}
_ITS_OWN = ("TESSDATA_PREFIX",)


class TookTooLong(Exception):  # noqa: N818
    """It was not done in time, and was killed."""


class Failed(Exception):  # noqa: N818
    """It said why, or died; `str()` has its last words."""


def run(command: list[str], seconds: float, check: Check) -> str:
    """Its standard output. In a process group of its own, which is killed at the deadline and when `check` raises.

    It may write no file, and use `child_posix.MEMORY_LIMIT` of address space. Raises `TookTooLong`, `Failed`.
    """
    until = time.monotonic() + seconds
    own = {name: os.environ[name] for name in _ITS_OWN if name in os.environ}
    try:
        process = child_posix.start(
            command, env={**environment(), **own, **_ENVIRONMENT}, limit=_limiter(math.ceil(seconds) + 1)
        )
    except OSError as problem:
        msg = f"it could not be started: {problem.strerror or problem}"
        raise Failed(msg) from problem
    with process:
        try:
            out, words = _read(process, until, check)
            code = process.wait(max(until - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired as problem:
            raise TookTooLong from problem
        finally:
            child_posix.kill(process)
    if code != 0:
        raise Failed(f"{child_posix.how_it_ended(process)} ({_last(words)})")
    return out.decode("utf-8", "replace")


def _limiter(cpu_seconds: int) -> Callable[[], None]:
    """Between fork and exec: system calls alone."""

    def limit() -> None:
        child_posix.set_limits()
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    return limit


def _read(process: subprocess.Popen[bytes], until: float, check: Check) -> tuple[bytes, bytes]:
    """Standard output, and the last of standard error."""
    out, words = bytearray(), bytearray()
    for block, is_out in _blocks(process, until, check):
        if is_out:
            out += block
            if len(out) > _MOST_OUT:
                msg = f"it said more than {_MOST_OUT} bytes"
                raise Failed(msg)
        else:
            words = (words + block)[-_MOST_WORDS:]
    return bytes(out), bytes(words)


def _blocks(process: subprocess.Popen[bytes], until: float, check: Check) -> Iterator[tuple[bytes, bool]]:
    assert process.stdin is not None  # noqa: S101  they are pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    process.stdin.close()
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            check()
            left = until - time.monotonic()
            if left <= 0:
                raise TookTooLong
            for key, _ in selector.select(min(left, _CHECKED_EVERY_S)):
                if block := os.read(key.fd, _BLOCK):
                    yield block, key.fileobj is process.stdout
                else:
                    selector.unregister(key.fileobj)


def _last(words: bytes) -> str:
    lines = words.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "without a word"
