"""The doorbell: a named pipe for each worker. A byte wakes it; a pipe that nobody reads is that of a dead worker.

The kernel closes a dead process' end, however it died, and a new process of the same number is no longer taken for the
old one. A bell that is lost costs nothing but time: workers look at the table every few seconds as well.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
from pathlib import Path

from mediabridge.sidecar import requestid

FOLDER = "workers"
_SOUND = b"!"
_READ = 65536


class Bell:
    """A worker's own bell; `owner` names the worker, uniquely for all time. Raises `OSError`."""

    def __init__(self, instance: Path) -> None:
        self.owner = f"{os.getpid()}-{requestid.make()}"
        folder = instance / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / self.owner
        unseen = folder / f".{self.owner}"  # until it is read, it would look like that of a dead worker
        os.mkfifo(unseen, 0o600)
        # For writing too, so that the last ringer's leaving is not the end of the pipe.
        self._pipe = os.open(unseen, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        unseen.rename(self._path)

    def wait(self, timeout_s: float) -> bool:
        """Wait until somebody rings; False after `timeout_s`. What rang since the last time counts as one."""
        if not select.select([self._pipe], [], [], max(timeout_s, 0.0))[0]:
            return False
        with contextlib.suppress(BlockingIOError):
            os.read(self._pipe, _READ)
        return True

    def wake(self) -> None:
        """Ring this bell alone; may be called by a signal's handler."""
        with contextlib.suppress(BlockingIOError):  # it is full of rings
            os.write(self._pipe, _SOUND)

    def close(self) -> None:
        """The worker is no more."""
        self._path.unlink(missing_ok=True)
        os.close(self._pipe)


def ring(instance: Path) -> int:
    """Wake all workers; gives how many there are. Pipes of dead ones are removed. Never raises."""
    awake = 0
    with contextlib.suppress(OSError):
        for path in (instance / FOLDER).iterdir():
            if not path.name.startswith("."):
                awake += _ring_one(path)
    return awake


def dead(instance: Path, owner: str) -> bool:
    """Whether a worker has ended. One that is stopped or hangs has not: its lease tells that."""
    try:
        os.close(_open(instance / FOLDER / owner))
    except OSError as problem:
        return problem.errno in (errno.ENXIO, errno.ENOENT)
    return False


def alive(instance: Path) -> int:
    """How many workers there are. Never raises."""
    found = 0
    with contextlib.suppress(OSError):
        names = os.listdir(instance / FOLDER)  # noqa: PTH208  names are what `dead` takes
        found = sum(not name.startswith(".") and not dead(instance, name) for name in names)
    return found


def _ring_one(path: Path) -> bool:
    try:
        pipe = _open(path)
    except OSError as problem:
        if problem.errno == errno.ENXIO:
            path.unlink(missing_ok=True)
        return False
    try:
        os.write(pipe, _SOUND)
    except BlockingIOError:
        pass  # it is full of rings
    except BrokenPipeError:
        return False
    finally:
        os.close(pipe)
    return True


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
