"""A folder of each process's own below a shared one, for files that must not outlive it.

The folder holds a locked file. The kernel lets go of the lock however the process ends, so a folder whose lock is free
belongs to nobody, and the next process that starts removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_LOCK = ".lock"


class OwnFolder:
    """Made below `base`, which must exist; `prefix` begins the names of such folders. Raises `OSError`.

    `swept` counts the folders of dead processes that were removed.
    """

    def __init__(self, base: Path, prefix: str) -> None:
        # The base's own lock keeps others from sweeping this folder before it is locked.
        with _locked(base / _LOCK):
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
            self._lock = take_lock(self.path / _LOCK)
            self.swept = self._sweep(prefix)

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def _sweep(self, prefix: str) -> int:
        dead = [one for one in self.path.parent.glob(f"{prefix}*") if one != self.path and _is_free(one)]
        for folder in dead:
            shutil.rmtree(folder, ignore_errors=True)
        return len(dead)


def _is_free(folder: Path) -> bool:
    try:
        os.close(take_lock(folder / _LOCK))
    except BlockingIOError:
        return False
    except OSError:  # the folder cannot be looked into
        return False
    return True


def take_lock(path: Path) -> int:
    """Lock a file for this process. Raises `BlockingIOError` when another holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
