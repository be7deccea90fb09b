"""Where originals lie, and what is made from them."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def folder_of(file_storage_path: str | None) -> Path:
    """FILE_STORAGE_PATH; else `mediabridge/files` below the user's data folder.

    That is `~/.local/share` on Linux, `XDG_DATA_HOME` heeded.
    """
    if file_storage_path:
        return Path(file_storage_path).expanduser()
    return platformdirs.user_data_path("mediabridge", appauthor=False) / "files"


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one folder, be it by links or by a second mount."""
    try:
        return one.samefile(other)
    except OSError:  # one of them is yet to be made
        return os.path.realpath(one) == os.path.realpath(other)
