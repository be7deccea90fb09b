"""What lies beside a picture and speaks of it: XMP sidecars and the JSON of Google Takeout."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from mediabridge.sidecar.extraction.cli.files import LocalFile
from mediabridge.sidecar.extraction.extract import Reading
from mediabridge.sidecar.extraction.many import ManyReader
from mediabridge.sidecar.library.dates import Folder, Sidecar, SidecarError, read_takeout, read_xmp

_TAKEOUT_BYTES = 1024 * 1024 + 1  # one more than `read_takeout` takes
Named = Callable[[Path, str], AbstractContextManager[LocalFile]]  # a path, and the name of the file, safe for ExifTool


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
class Sidecars:
    """Reads them. One that is broken is none: its picture is imported all the same."""

    reader: ManyReader
    named: Named
    folders: Folders = field(default_factory=Folders)

    def of(self, path: Path) -> Iterator[Sidecar]:
        """What lies beside the file at `path`."""
        folder = path.parent
        beside = self.folders.of(os.fspath(folder)).beside(path.name)
        if beside.takeout and _is_plain(folder / beside.takeout):
            with contextlib.suppress(OSError, SidecarError), (folder / beside.takeout).open("rb") as file:
                yield read_takeout(file.read(_TAKEOUT_BYTES))
        if beside.xmp and _is_plain(folder / beside.xmp):
            with self.named(folder / beside.xmp, beside.xmp) as local:
                (found,) = self.reader.read([local])
            if isinstance(found, Reading):
                yield read_xmp(found.metadata)


def _is_plain(path: Path) -> bool:
    """No link out of the folder, and no pipe, for whose end one would wait for ever."""
    with contextlib.suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False
