"""Finds ExifTool, and says where it looked and how to install it when it is not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

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
        return _configured(Path(configured).expanduser())
    found = shutil.which("exiftool", path=search_path)
    if found is None:
        folders = search_path if search_path is not None else os.environ.get("PATH", os.defpath)
        msg = f"ExifTool was not found: EXIFTOOL_PATH is not set, and no 'exiftool' lies on PATH ({folders})."
        raise EngineUnavailable(msg, INSTALL, missing=True)
    return Path(found).absolute()


def _configured(path: Path) -> Path:
    if not path.is_file():
        problem = "there is no such file"
    elif not os.access(path, os.X_OK):
        problem = "the file is not executable"
    else:
        return path.absolute()
    msg = f"ExifTool was not found: EXIFTOOL_PATH is {path}, and {problem}."
    raise EngineUnavailable(msg, f"Correct or unset EXIFTOOL_PATH. {INSTALL}", missing=True)
