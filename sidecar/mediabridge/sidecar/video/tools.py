"""Finds FFmpeg and the ffprobe beside it, and says how to install them when they are not there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from mediabridge.sidecar import programs
from mediabridge.sidecar.faults import EngineUnavailable

INSTALL = (
    "Install FFmpeg: 'sudo apt-get install ffmpeg' (Debian), 'brew install ffmpeg' (macOS), 'sudo dnf install "
    "ffmpeg-free' (Fedora), 'winget install Gyan.FFmpeg' (Windows); or set FFMPEG_PATH to the program."
)


@dataclass(frozen=True, slots=True)
class Tools:
    """Both programs, as absolute paths."""

    ffmpeg: Path
    ffprobe: Path


def find_tools(configured: str | None, search_path: str | None = None) -> Tools:
    """FFmpeg at `configured` (FFMPEG_PATH) when set, else the first on `search_path` (PATH); ffprobe lies beside it.

    A configured path that is wrong is not passed over for another program. Raises `EngineUnavailable`.
    """
    ffmpeg = (
        programs.configured(Path(configured), "FFMPEG_PATH", "Videos cannot be read", INSTALL)
        if configured
        else _on_path(search_path)
    )
    ffprobe = ffmpeg.with_name(ffmpeg.name.replace("ffmpeg", "ffprobe"))
    if ffprobe == ffmpeg or not os.access(ffprobe, os.X_OK):
        msg = f"Videos cannot be read: {ffmpeg} was found, but no ffprobe beside it."
        raise EngineUnavailable(msg, INSTALL, missing=True)
    return Tools(ffmpeg, ffprobe)


def _on_path(search_path: str | None) -> Path:
    found = shutil.which("ffmpeg", path=search_path)
    if found is None:
        msg = "Videos cannot be read: FFMPEG_PATH is not set, and no 'ffmpeg' lies on PATH."
        raise EngineUnavailable(msg, INSTALL, missing=True)
    return Path(found).absolute()
