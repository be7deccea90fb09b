"""Whose turn it is to write to an SQLite file.

SQLite alone lets who waits look again after 1 to 100 ms, and who writes one batch after the other is always faster: a
client's small write then waits for seconds. Here those who wait look every 2 ms, and who has held the others up makes
room.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_LOOK_S = 0.002
_LONG_S = 0.01  # a turn that others have noticed
_ROOM_S = 0.006  # several looks


class Turns:
    """A lock of all processes at `path`; the system frees it when its process ends, however. Threads may share it.

    All raise `OSError`.
    """

    def __init__(self, path: Path, patience_s: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._patience_s = patience_s
        self._sleep = sleep
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Alone, unless somebody keeps it for longer than one is ready to wait: then SQLite's own lock decides."""
        with self._lock:
            self._wait()
            start = time.monotonic()
            try:
                yield
            finally:
                held_s = time.monotonic() - start
                fcntl.flock(self._handle, fcntl.LOCK_UN)
        if held_s > _LONG_S:
            self._sleep(_ROOM_S)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._handle >= 0:
                os.close(self._handle)
            self._handle = -1

    def _wait(self) -> None:
        if self._handle < 0:
            raise OSError(errno.EBADF, "it is closed")
        until = time.monotonic() + self._patience_s
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() > until:
                return
            self._sleep(_LOOK_S)
