"""What lies beside a picture and speaks of it: XMP sidecars and the JSON of Google Takeout."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from mediabridge.sidecar.library.dates import Folder, Sidecar, SidecarError, read_takeout

_TAKEOUT_BYTES = 1024 * 1024 + 1  # one more than `read_takeout` takes


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


@dataclass(frozen=True, slots=True)
class Beside:
    """Of one picture: the XMP file, which ExifTool reads with it, and what the JSON of Takeout says."""

    xmp: Path | None = None
    takeout: Sidecar | None = None


def beside(path: Path, folders: Folders) -> Beside:
    """What lies beside the file at `path`. A sidecar that is broken is none: its picture is imported all the same."""
    folder = path.parent
    names = folders.of(os.fspath(folder)).beside(path.name)
    xmp = folder / names.xmp if names.xmp else None
    return Beside(
        xmp if xmp is not None and _is_plain(xmp) else None,
        _takeout(folder / names.takeout) if names.takeout else None,
    )


def _takeout(path: Path) -> Sidecar | None:
    if _is_plain(path):
        with contextlib.suppress(OSError, SidecarError), path.open("rb") as file:
            return read_takeout(file.read(_TAKEOUT_BYTES))
    return None


def _is_plain(path: Path) -> bool:
    """No link out of the folder, and no pipe, for whose end one would wait for ever."""
    with contextlib.suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False
