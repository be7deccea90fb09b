"""Files that a job needs and that nobody keeps: on the disk before the job is queued, gone with it.

They lie beside the list of jobs, and not among temporary files: a job outlives the process that queued it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from mediabridge.sidecar import requestid
from mediabridge.sidecar.faults import StorageFull, StorageUnavailable

from .disk import sync
from .scratch import is_full

FOLDER = "held"
_YOUNG_S = 3600.0  # its job may be about to be queued


class Held:
    """`folder` is that of the instance. Raises `StorageFull`, `StorageUnavailable`. Processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def keep(self, source: Path) -> str:
        """Copy a file, durably; gives the name under which it is held."""
        name = requestid.make()
        unfinished = self._folder / f".{name}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with source.open("rb") as content, unfinished.open("xb") as copy:
                shutil.copyfileobj(content, copy, 1024 * 1024)
                copy.flush()
                os.fsync(copy.fileno())
            unfinished.rename(self.path(name))
            sync(self._folder)
        except OSError as problem:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise _fault(problem) from problem
        return name

    def path(self, name: str) -> Path:
        """Where it lies. Raises `ValueError` for a name that `keep` did not give."""
        if not name.isalnum():
            msg = f"not a name of a held file: {name!r}"
            raise ValueError(msg)
        return self._folder / name

    def drop(self, name: str) -> None:
        """Nobody needs it any more."""
        with contextlib.suppress(OSError):
            self.path(name).unlink(missing_ok=True)

    def sweep(self, needed: Collection[str]) -> int:
        """Remove what no job needs, and what was never finished; says how many. Young ones stay. Never raises."""
        removed = 0
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if path.name not in needed and time.time() - path.stat().st_mtime > _YOUNG_S:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed


def _fault(problem: OSError) -> StorageFull | StorageUnavailable:
    if is_full(problem):
        return StorageFull(
            "There is no room for the file until its job is done.", "Free disk space where INSTANCE_PATH lies."
        )
    msg = f"The file cannot be kept for its job ({problem.strerror or problem})."
    return StorageUnavailable(msg, "Check INSTANCE_PATH: is the folder writable for the server?")
