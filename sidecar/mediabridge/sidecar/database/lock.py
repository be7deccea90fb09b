"""One process at a time changes the shape of the database."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PAUSE_S = 0.02


@contextlib.contextmanager
def alone(path: Path, patience_s: float = 60.0, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Hold the lock file at `path`; the system frees it when its process ends, however. Raises `TimeoutError`."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + patience_s
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    msg = f"{path} is held by another process"
                    raise TimeoutError(msg) from None
                sleep(_PAUSE_S)
        yield
    finally:
        os.close(handle)
