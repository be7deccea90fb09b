"""Single flight across processes: a locked file for each key that is being computed.

The kernel lets go of a lock however its process ends, so that one who dies blocks nobody. Where files cannot be locked,
every process computes for itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .codec import Key

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.05


class Doors:
    """The lock files of a folder; those that dead processes have left are removed when it is first used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = False

    @contextlib.contextmanager
    def held(self, key: Key, patience_s: float, check: Callable[[], None]) -> Iterator[bool]:
        """Hold a key's door, waiting up to `patience_s` for another process. False: it is not held, go on without.

        `check` is called while waiting and may raise.
        """
        path = self._folder / f"{key.hex()}.lock"
        handle = self._wait(path, time.monotonic() + patience_s, check)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                _let_go(path, handle)

    def _wait(self, path: Path, until: float, check: Callable[[], None]) -> int | None:
        pause = _FIRST_PAUSE_S
        try:
            self._prepare()
            while (handle := _take(path)) is None:
                check()
                if time.monotonic() >= until:
                    return None
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
        except OSError:
            self._ready = False  # the folder may have been removed
            return None
        return handle

    def _prepare(self) -> None:
        if not self._ready:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in self._folder.glob("*.lock"):
                if (handle := _take(path)) is not None:
                    _let_go(path, handle)
            self._ready = True


def _take(path: Path) -> int | None:
    """Lock the file at a path; None while another holds it. Raises `OSError`."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it before has removed it: then what is locked here is no longer what others find.
        if os.fstat(handle).st_ino == path.stat().st_ino:
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _let_go(path: Path, handle: int) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_UN)  # closing alone would leave it to copies in forked children
    os.close(handle)
