"""Writes to the host's own output without ever making a child wait for a reader that is gone.

While the reader takes anything at all, writers wait for it (nothing is lost); once it took nothing for a second, lines
are counted instead of kept, and the count is written when it reads again.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from typing import TypeVar

from .output import Block, prefixed

Data = TypeVar("Data", bytes, memoryview)

LIMIT = 2**20  # bytes that wait for the reader
STUCK_S = 1.0
EAGER_S = 0.01  # a hop to the writer's thread and back costs a flood more than such a wait
PAGE = 4096
CHUNK = 16384  # a write that blocks makes no progress that can be seen


class PatientWriter:
    """A thread that owns one file descriptor. `write` may be called from any thread."""

    def __init__(self, fd: int, *, stuck_s: float = STUCK_S) -> None:
        self._fd = fd
        self._stuck_s = stuck_s
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._progress = time.monotonic()
        self._closing = False
        self._at_once = hasattr(os, "RWF_NOWAIT")
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="mediabridge-output", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Queue whole lines; waits while the queue is full and the reader still reads."""
        with self._changed:
            if self._size and self._direct and len(data) >= CHUNK:
                self._changed.wait_for(lambda: not self._size, EAGER_S)
            if not self._size:
                self._progress = time.monotonic()
                data = self._write_at_once(data)
            while self._size > LIMIT and not self._closing:
                left = self._progress + self._stuck_s - time.monotonic()
                if left <= 0:
                    self._dropped += data.count(b"\n")
                    return
                self._changed.wait(left)
            if data:
                self._waiting.append(data)
                self._size += len(data)
                self._changed.notify_all()

    @property
    def _direct(self) -> bool:
        return self._at_once and not self._dropped

    def _write_at_once(self, data: bytes) -> bytes:
        """Write without waking the thread; a flood waits a moment for its reader. Gives the rest."""
        rest = self._write_now(data)
        for _ in range(len(data) // PAGE if len(data) >= CHUNK else 0):
            if not (rest and self._direct and _has_room(self._fd, EAGER_S)):
                break
            rest = self._write_now(rest)
        return rest

    def _write_now(self, data: Data) -> Data:
        """Write what the reader has room for, without waiting; gives the rest."""
        if not self._direct:
            return data
        try:
            return data[os.pwritev(self._fd, [data], -1, os.RWF_NOWAIT) :]
        except BlockingIOError:
            return data
        except OSError:  # a terminal, or a kernel whose pipes do not know how (pwritev2(2))
            self._at_once = False
            return data

    def close(self) -> None:
        """Write what waits, for as long as the reader reads, then end the thread."""
        with self._changed:
            self._closing = True
            self._progress = time.monotonic()
            self._changed.notify_all()
        while self._thread.is_alive() and time.monotonic() - self._progress < self._stuck_s:
            self._thread.join(0.05)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._dropped and not self._closing:
                    self._changed.wait()
                if not self._waiting and not self._dropped:
                    return
                data = self._waiting.popleft() if self._waiting else b""
                size, dropped, self._dropped = len(data), self._dropped, 0
            if dropped:
                data = f"[mediabridge] {dropped} lines were left out: nobody read them in time\n".encode() + data
            self._write_all(data)
            with self._changed:
                self._size -= size
                self._changed.notify_all()

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = self._write_now(rest)
                if rest:
                    rest = rest[os.write(self._fd, rest[:CHUNK]) :]
            except BlockingIOError:  # somebody made the descriptor non-blocking
                time.sleep(0.01)
                continue
            except OSError:  # the reader closed its end; there is nobody to tell
                self._fd = os.open(os.devnull, os.O_WRONLY)
                return
            self._progress = time.monotonic()


def _has_room(fd: int, within_s: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(within_s * 1000))


class Console:
    """A sink that prefixes each line and writes it to the host's own standard output or error."""

    def __init__(self, out: int = 1, err: int = 2, *, colour: str = "") -> None:
        stdout = PatientWriter(out)
        same = os.path.sameopenfile(out, err)  # one terminal or file: one queue keeps the order
        self._writers = {"stdout": stdout, "stderr": stdout if same else PatientWriter(err)}
        self._colour = colour

    def __call__(self, block: Block) -> None:
        """Write one block."""
        self._writers[block.stream].write(prefixed(block, colour=self._colour))

    def line(self, text: str, stream: str = "stderr") -> None:
        """Write one line of the host's own through the same queue, so that order is kept."""
        self.raw(text.encode("utf-8", "replace") + b"\n", stream)

    def raw(self, data: bytes, stream: str) -> None:
        """Write whole lines as they are."""
        self._writers[stream].write(data)

    def close(self) -> None:
        """Write what waits."""
        for writer in self._writers.values():
            writer.close()
