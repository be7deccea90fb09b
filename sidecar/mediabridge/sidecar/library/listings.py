"""Folders as they are on the disk: which XMP file and which JSON lie beside a picture. Imports and exports ask here."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from .dates import Folder


class Folders:
    """Listings of folders. Threads may share it: a listing that is made twice does no harm."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._known: dict[str, Folder] = {}

    def of(self, folder: str) -> Folder:
        """The sidecars of a folder; none where it cannot be listed any more."""
        found = self._known.get(folder)
        if found is None:
            names: list[str] = []
            with contextlib.suppress(OSError):
                names = os.listdir(folder)  # noqa: PTH208  names are all that is asked
            found = Folder(names)
            while len(self._known) >= self._most:
                self._known.pop(next(iter(self._known)), None)
            self._known[folder] = found
        return found

    def xmp_of(self, path: Path) -> Path | None:
        """`a.jpg.xmp` before `a.xmp`, in any case of letters."""
        name = self.of(os.fspath(path.parent)).beside(path.name).xmp
        found = path.parent / name if name else None
        return found if found is not None and is_plain(found) else None


def is_plain(path: Path) -> bool:
    """No link out of the folder, and no pipe, for whose end one would wait for ever."""
    with contextlib.suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False
