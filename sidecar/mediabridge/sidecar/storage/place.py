"""Where originals lie."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def folder_of(file_storage_path: str | None) -> Path:
    """FILE_STORAGE_PATH; else `mediabridge/files` below the user's data folder.

    That is `~/.local/share` on Linux, `XDG_DATA_HOME` heeded.
    """
    if file_storage_path:
        return Path(file_storage_path).expanduser()
    return platformdirs.user_data_path("mediabridge", appauthor=False) / "files"
