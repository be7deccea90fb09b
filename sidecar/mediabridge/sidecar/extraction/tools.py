"""Finds ExifTool, and says where it looked and how to install it when it is not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mediabridge.sidecar import programs
from mediabridge.sidecar.faults import EngineUnavailable

INSTALL = (
    "Install ExifTool: 'sudo apt-get install libimage-exiftool-perl' (Debian), 'brew install exiftool' (macOS), "
    "'winget install OliverBetz.ExifTool' (Windows); or set EXIFTOOL_PATH to the program."
)


def find_exiftool(configured: str | None, search_path: str | None = None) -> Path:
    """The absolute path of ExifTool: `configured` (EXIFTOOL_PATH) when set, else the first on `search_path` (PATH).

    A configured path that is wrong is not passed over for another program. Raises `EngineUnavailable`.
    """
    if configured:
        return programs.configured(Path(configured), "EXIFTOOL_PATH", "ExifTool was not found", INSTALL)
    found = shutil.which("exiftool", path=search_path)
    if found is None:
        folders = search_path if search_path is not None else os.environ.get("PATH", os.defpath)
        msg = f"ExifTool was not found: EXIFTOOL_PATH is not set, and no 'exiftool' lies on PATH ({folders})."
        raise EngineUnavailable(msg, INSTALL, missing=True)
    return Path(found).absolute()
