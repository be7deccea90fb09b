"""The programs of others that do the work: are they there, do they run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mediabridge.config import Settings

from .check import Check

_PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class _Tool:
    name: str
    program: str
    setting: str
    version: tuple[str, ...]
    without: str
    mend: str


_EXIFTOOL = _Tool(
    "ExifTool",
    "exiftool",
    "EXIFTOOL_PATH",
    ("-ver",),
    "without it a built-in reader gives the main fields only: no XMP, IPTC, maker notes",
    "Debian: apt-get install libimage-exiftool-perl; macOS: brew install exiftool; or set EXIFTOOL_PATH.",
)
_FFMPEG = _Tool(
    "FFmpeg",
    "ffmpeg",
    "FFMPEG_PATH",
    ("-version",),
    "without it videos have no pictures and no details",
    "Debian: apt-get install ffmpeg; macOS: brew install ffmpeg; Fedora: dnf install ffmpeg-free; or set FFMPEG_PATH.",
)
_TESSERACT = _Tool(
    "Tesseract",
    "tesseract",
    "TESSERACT_PATH",
    ("--version",),
    "without it no text is read from pictures and scans",
    "Debian: apt-get install tesseract-ocr tesseract-ocr-eng; macOS: brew install tesseract; "
    "Fedora: dnf install tesseract; or set TESSERACT_PATH.",
)


def exiftool(settings: Settings) -> Check:
    """Setup may have unpacked one beside our Python."""
    own = Path(sys.executable).parent / "exiftool"
    return _look(_EXIFTOOL, settings.exiftool_path or shutil.which("exiftool") or (str(own) if own.exists() else None))


def ffmpeg(settings: Settings) -> Check:
    """FFmpeg, and the ffprobe that must lie beside it."""
    path = settings.ffmpeg_path or shutil.which("ffmpeg")
    check = _look(_FFMPEG, path)
    if not check.ok or path is None:
        return check
    beside = Path(path).expanduser().with_name(Path(path).name.replace("ffmpeg", "ffprobe"))
    if shutil.which(str(beside)) is None:
        return _off(_FFMPEG, f"{path} was found, but no ffprobe beside it")
    return check


def tesseract(settings: Settings) -> Check:
    """Tesseract, with the languages that it reads."""
    path = settings.tesseract_path or shutil.which("tesseract")
    check = _look(_TESSERACT, path)
    if not check.ok or path is None:
        return check
    languages = [word for word in (_said([path, "--list-langs"]) or "").splitlines()[1:] if word.strip()]
    if not languages:
        return _off(_TESSERACT, f"{path} has no data of any language")
    return Check(check.name, ok=True, found=f"{check.found}; languages: {', '.join(languages)}", needed=False)


def _look(tool: _Tool, path: str | None) -> Check:
    if path is None:
        return _off(tool, "not found on PATH")
    try:
        said = _run([str(Path(path).expanduser()), *tool.version])
    except (OSError, subprocess.SubprocessError) as problem:
        return _off(tool, f"{path} does not run ({problem})")
    return Check(tool.name, ok=True, found=f"{path} ({_version(said)})", needed=False)


def _off(tool: _Tool, found: str) -> Check:
    return Check(tool.name, ok=False, found=f"{found}; {tool.without}", mend=tool.mend, needed=False)


def _version(said: str) -> str:
    """`ffmpeg version 5.1.9 Copyright …`, `tesseract 5.3.0` or `12.57`: the first word that begins with a digit."""
    words = said.split("\n", 1)[0].split()
    return next((word for word in words if word[0].isdigit() or word[0] in "nN"), said.strip()[:40])


def _said(command: list[str]) -> str | None:
    try:
        return _run(command)
    except (OSError, subprocess.SubprocessError):
        return None


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, check=True, text=True
    )
    return done.stdout or done.stderr
