"""Where the jobs lie."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def folder_of(instance_path: str | None) -> Path:
    """INSTANCE_PATH; else `mediabridge/instance` below the user's data folder.

    That is `~/.local/share` on Linux, `XDG_DATA_HOME` heeded.
    """
    if instance_path:
        return Path(instance_path).expanduser()
    return platformdirs.user_data_path("mediabridge", appauthor=False) / "instance"
