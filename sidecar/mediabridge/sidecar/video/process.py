"""Runs one tool to its end: what it says is bounded, so is its time, and nothing of it stays."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass

from mediabridge.sidecar.extraction import child_posix
from mediabridge.sidecar.isolated.runner import environment

_BLOCK = 256 * 1024
_WORDS = 16  # blocks of its last words that are kept


class TookTooLong(Exception):  # noqa: N818
    """It was not done in time, and was killed."""


class SaidTooMuch(Exception):  # noqa: N818
    """Its output passed the limit, and it was killed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How it ended: exit code (negative: the signal), standard output, the last of standard error."""

    code: int
    out: bytes
    words: str


def run(command: list[str], until: float, most_bytes: int) -> Finished:
    """Run it until then (of the monotonic clock), in a process group of its own, without input.

    It may write no file, and use `child_posix.MEMORY_LIMIT` of address space. Raises `TookTooLong`, `SaidTooMuch`,
    `OSError`.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TookTooLong
    with child_posix.start(command, env=environment(), limit=_limiter(math.ceil(left) + 1)) as process:
        try:
            out, words = _read(process, until, most_bytes)
            code = process.wait(max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired as problem:
            raise TookTooLong from problem
        finally:
            child_posix.kill(process)
    return Finished(code, out, words)


def _limiter(cpu_seconds: int) -> Callable[[], None]:
    """Between fork and exec: system calls alone."""

    def limit() -> None:
        child_posix.set_limits()
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    return limit


def _read(process: subprocess.Popen[bytes], until: float, most_bytes: int) -> tuple[bytes, str]:
    out, words = bytearray(), deque[bytes](maxlen=_WORDS)
    with contextlib.closing(_blocks(process, until)) as blocks:
        for block, is_out in blocks:
            if not is_out:
                words.append(block)
                continue
            out += block
            if len(out) > most_bytes:
                raise SaidTooMuch
    return bytes(out), b"".join(words).decode("utf-8", "replace")


def _blocks(process: subprocess.Popen[bytes], until: float) -> Generator[tuple[bytes, bool], None, None]:
    """What both pipes bring until both are closed. Raises `TookTooLong`."""
    assert process.stdin is not None  # noqa: S101  they are pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    process.stdin.close()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(until - time.monotonic(), 0))
            if not ready:
                raise TookTooLong
            for key, _ in ready:
                block = os.read(key.fd, _BLOCK)
                if block:
                    yield block, key.fileobj is process.stdout
                else:
                    selector.unregister(key.fileobj)
