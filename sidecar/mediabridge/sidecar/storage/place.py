"""Where originals lie when FILE_STORAGE_PATH says nothing."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def default_folder() -> Path:
    """`mediabridge/files` below the user's data folder (`~/.local/share` on Linux, `XDG_DATA_HOME` heeded)."""
    return platformdirs.user_data_path("mediabridge", appauthor=False) / "files"
