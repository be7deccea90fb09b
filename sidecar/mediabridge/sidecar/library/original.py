"""Originals where they lie: read only, and only while they are what was imported."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mediabridge.sidecar.faults import Conflict, ContentUnknown, StorageUnavailable
from mediabridge.sidecar.images.shelf import Source, told

_AGAIN = "Import its folder again."


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that was imported by its path, with what it was then. `path` are the bytes of the path."""

    path: bytes
    sha256: str
    size: int
    mtime_ns: int

    def check(self) -> None:
        """Raises `ContentUnknown` when it is gone, `Conflict` when it has changed, `StorageUnavailable`."""
        try:
            found = os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError) as problem:
            msg = "The original is not there any more where it was imported from."
            raise ContentUnknown(msg, _AGAIN) from problem
        except OSError as problem:
            msg = f"The original cannot be read ({problem.strerror})."
            raise StorageUnavailable(msg, "Check that its folder is there, and readable for the server.") from problem
        if not stat.S_ISREG(found.st_mode) or (found.st_size, found.st_mtime_ns) != (self.size, self.mtime_ns):
            msg = "The original has changed since it was imported."
            raise Conflict(msg, _AGAIN)

    def source(self, new_path: Callable[[], Path]) -> Source:
        """For pictures of it. Tools see a name of ours, `new_path`: ExifTool would run one that ends in `|`."""

        @contextlib.contextmanager
        def local() -> Iterator[Path]:
            self.check()
            with told():
                link = new_path()
                link.symlink_to(os.fsdecode(self.path))
            try:
                yield link
            finally:
                link.unlink(missing_ok=True)

        return Source(self.sha256, local, self.check)
