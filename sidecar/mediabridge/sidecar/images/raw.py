"""The embedded preview of a RAW file, through ExifTool."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mediabridge.sidecar.extraction import child_posix

_TAGS = ("JpgFromRaw", "PreviewImage", "OtherImage", "ThumbnailImage")
_MOST_BYTES = 128 * 1024**2  # of base64: full-size previews have 5 to 30 MB
_BLOCK = 1024**2


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture's bytes (JPEG, nearly always), and the EXIF orientation of the RAW file around it, 1 to 8."""

    data: bytes
    turn: int | None = None


RawPreview = Callable[[Path], Preview | None]


class ExifToolPreview:
    """Asks a new ExifTool process for each file; `program` tells where ExifTool is, or that there is none."""

    def __init__(self, program: Callable[[], str | None], timeout_s: float = 30.0) -> None:
        self._program = program
        self._timeout_s = timeout_s

    def __call__(self, path: Path) -> Preview | None:
        """The largest embedded picture; None when there is none, or nobody who could fetch it in time."""
        program = self._program()
        if program is None:
            return None
        command = [program, "-q", "-q", "-n", "-j", "-b", "-Orientation", *(f"-{tag}" for tag in _TAGS), str(path)]
        with contextlib.suppress(OSError, ValueError):
            (found,) = json.loads(self._output(command))
            pictures = [data for tag in _TAGS if (data := _decoded(found.get(tag)))]
            if pictures:
                turn = found.get("Orientation")
                return Preview(max(pictures, key=len), turn if isinstance(turn, int) else None)
        return None

    def _output(self, command: list[str]) -> bytes:
        with child_posix.start(command) as process:
            timer = threading.Timer(self._timeout_s, child_posix.kill, (process,))
            timer.start()
            try:
                return _read(process)
            finally:
                timer.cancel()
                child_posix.kill(process)


def _read(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None  # noqa: S101  it is a pipe
    read = bytearray()
    while len(read) <= _MOST_BYTES and (block := process.stdout.read(_BLOCK)):
        read += block
    return bytes(read)


def _decoded(value: object) -> bytes | None:
    """ExifTool's way of writing bytes in JSON."""
    if not isinstance(value, str) or not value.startswith("base64:"):
        return None
    try:
        return base64.b64decode(value.removeprefix("base64:"), validate=True)
    except binascii.Error:
        return None
