"""Files made from an original: `CACHE_PATH/{sha256}/{preset}.{ext}`. They may be deleted, and are made again."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from mediabridge.sidecar.faults import StorageFull, StorageUnavailable

from .backend import NotStoredError
from .disk import LocalDisk
from .eviction import Eviction
from .scratch import is_full

CHECK = "Check CACHE_PATH: the folder must be makeable, writable for the server, and cleaned up by nobody else."


class Derived:
    """`folder` is CACHE_PATH. Names are `{preset}.{ext}` or `metadata.json`: `[a-z0-9][a-z0-9._-]*`.

    Past `limit` bytes (0 = no limit) those that nobody has asked for longest are removed in the background. All raise
    `ValueError` for a hash or a name that is none, `OSError` when the disk fails.
    """

    def __init__(self, folder: Path, limit: int = 0) -> None:
        self._disk = LocalDisk(folder)
        self.eviction = Eviction(folder, limit)

    def sweep(self) -> int:
        """Remove what dead processes left unfinished; says of how many processes."""
        return self._disk.sweep()

    def find(self, content_hash: str, name: str) -> Path | None:
        """The path of a file that is there, complete; it counts as used."""
        key = f"{content_hash}/{name}"
        try:
            modified_ns = self._disk.stat(key).modified_ns
        except NotStoredError:
            return None
        path = self._disk.root / key
        self.eviction.used(path, modified_ns)
        return path

    def has(self, content_hash: str, name: str) -> bool:
        """Whether it is there; that is no use of it."""
        try:
            self._disk.stat(f"{content_hash}/{name}")
        except NotStoredError:
            return False
        return True

    def open(self, content_hash: str, name: str) -> BinaryIO:
        """It counts as used. Raises `NotStoredError`."""
        file = self._disk.open(f"{content_hash}/{name}")
        self.eviction.used(self._disk.root / content_hash / name, os.fstat(file.fileno()).st_mtime_ns)
        return file

    def new_path(self) -> Path:
        """A path for a file that is being made; give it to `put`, then remove it. It is removed with the process."""
        return self._disk.new_path()

    def put(self, content_hash: str, name: str, source: Path | bytes) -> bool:
        """Put if absent; whoever comes second is told False, and the first one's file stays."""
        placed = self._disk.put(f"{content_hash}/{name}", source)
        if placed:
            self.eviction.added(_size(source))
        return placed

    def replace(self, content_hash: str, name: str, source: Path | bytes) -> None:
        """Put, whatever is there: for `metadata.json`, which grows."""
        self._disk.replace(f"{content_hash}/{name}", source)
        self.eviction.added(_size(source))

    def delete(self, content_hash: str, name: str) -> bool:
        """Whether it was there."""
        return self._disk.delete(f"{content_hash}/{name}")

    def names(self, content_hash: str) -> list[str]:
        """What there is of one original, sorted."""
        return self._disk.names(content_hash)

    def status(self) -> dict[str, object]:
        """`availableSpace` and `limit` (0 = none) in bytes."""
        free = None
        with contextlib.suppress(OSError):
            free = self._disk.space().free
        return {"availableSpace": free, "limit": self.eviction.limit}

    def close(self) -> None:
        """Remove what was not put, and look after the limit no more."""
        self.eviction.close()
        self._disk.close()


def not_kept(what: str, problem: OSError, derived: Derived | None = None) -> StorageFull | StorageUnavailable:
    """The fault for `what` (in the plural) that cannot be written; with `derived`, how full it is there."""
    msg = f"{what} cannot be stored now ({problem.strerror or type(problem).__name__})."
    if is_full(problem):
        return StorageFull(
            msg,
            "Free disk space where derived files lie (CACHE_PATH), or lower CACHE_FILES_MB for the server.",
            storage=None if derived is None else derived.status(),
        )
    return StorageUnavailable(msg, CHECK)


def _size(source: Path | bytes) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size
