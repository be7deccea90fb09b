"""What lies beside a picture and speaks of it: XMP sidecars and the JSON of Google Takeout."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from mediabridge.sidecar.library.dates import Sidecar, SidecarError, read_takeout
from mediabridge.sidecar.library.listings import Folders, is_plain

_TAKEOUT_BYTES = 1024 * 1024 + 1  # one more than `read_takeout` takes


@dataclass(frozen=True, slots=True)
class Beside:
    """Of one picture: the XMP file, which ExifTool reads with it, and what the JSON of Takeout says."""

    xmp: Path | None = None
    takeout: Sidecar | None = None


def beside(path: Path, folders: Folders) -> Beside:
    """What lies beside the file at `path`. A sidecar that is broken is none: its picture is imported all the same."""
    takeout = folders.of(os.fspath(path.parent)).beside(path.name).takeout
    return Beside(folders.xmp_of(path), _takeout(path.parent / takeout) if takeout else None)


def _takeout(path: Path) -> Sidecar | None:
    if is_plain(path):
        with contextlib.suppress(OSError, SidecarError), path.open("rb") as file:
            return read_takeout(file.read(_TAKEOUT_BYTES))
    return None
