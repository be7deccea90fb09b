"""Files made from an original: `CACHE_PATH/{sha256}/{preset}.{ext}`. They may be deleted, and are made again."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from .backend import NotStoredError
from .disk import LocalDisk


class Derived:
    """`folder` is CACHE_PATH. Names are `{preset}.{ext}` or `metadata.json`: `[a-z0-9][a-z0-9._-]*`.

    All raise `ValueError` for a hash or a name that is none, `OSError` when the disk fails.
    """

    def __init__(self, folder: Path) -> None:
        self._disk = LocalDisk(folder)

    def sweep(self) -> int:
        """Remove what dead processes left unfinished; says of how many processes."""
        return self._disk.sweep()

    def find(self, content_hash: str, name: str) -> Path | None:
        """The path of a file that is there, complete."""
        try:
            with self._disk.local(f"{content_hash}/{name}") as path:
                return path
        except NotStoredError:
            return None

    def open(self, content_hash: str, name: str) -> BinaryIO:
        """Raises `NotStoredError`."""
        return self._disk.open(f"{content_hash}/{name}")

    def new_path(self) -> Path:
        """A path for a file that is being made; give it to `put`, then remove it. It is removed with the process."""
        return self._disk.new_path()

    def put(self, content_hash: str, name: str, source: Path | bytes) -> bool:
        """Put if absent; whoever comes second is told False, and the first one's file stays."""
        return self._disk.put(f"{content_hash}/{name}", source)

    def replace(self, content_hash: str, name: str, source: Path | bytes) -> None:
        """Put, whatever is there: for `metadata.json`, which grows."""
        self._disk.replace(f"{content_hash}/{name}", source)

    def delete(self, content_hash: str, name: str) -> bool:
        """Whether it was there."""
        return self._disk.delete(f"{content_hash}/{name}")

    def names(self, content_hash: str) -> list[str]:
        """What there is of one original, sorted."""
        return self._disk.names(content_hash)

    def close(self) -> None:
        """Remove what was not put."""
        self._disk.close()
