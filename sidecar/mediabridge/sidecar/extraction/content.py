"""Looks into the file itself, where ExifTool does not say enough: does a JPEG's picture data break off?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

# JPEG markers (ITU-T T.81, table B.1)
_SOI, _EOI, _SOS = b"\xff\xd8", b"\xff\xd9", 0xDA
_STAND_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0 to RST7, SOI: no length follows
_SEGMENTS = 10_000  # more is no picture, and a file of empty segments must not cost minutes
_TAIL = 64 * 1024
_BLOCK = 1024 * 1024


def jpeg_breaks_off(path: Path) -> bool:
    """Whether the file is a JPEG without an end marker (FF D9) after the start of its picture data.

    Anything that is no JPEG, or whose header is too strange to walk through, counts as whole. Raises `OSError`.
    """
    with path.open("rb") as file:
        if file.read(2) != _SOI:
            return False
        start = _start_of_scan(file)
        return start is not None and not _has_end(file, start)


def _start_of_scan(file: BinaryIO) -> int | None:
    """Where the picture data begins; the end of the file when it is over before; None when there is nothing to tell."""
    size = os.fstat(file.fileno()).st_size
    for _ in range(_SEGMENTS):
        head = file.read(2)
        if len(head) < 2:  # noqa: PLR2004  a marker has two bytes
            return size
        if head[0] != _EOI[0] or head[1] == _EOI[1]:
            return None
        if head[1] == _SOS:
            return file.tell()
        if head[1] == 0xFF:  # noqa: PLR2004  a fill byte before the marker
            file.seek(-1, os.SEEK_CUR)
        elif head[1] not in _STAND_ALONE:
            file.seek(max(int.from_bytes(file.read(2), "big") - 2, 0), os.SEEK_CUR)
    return None


def _has_end(file: BinaryIO, start: int) -> bool:
    size = os.fstat(file.fileno()).st_size
    file.seek(max(start, size - _TAIL))
    if _EOI in file.read(_TAIL):
        return True
    file.seek(start)
    last = b""
    while block := file.read(_BLOCK):
        if _EOI in last + block:
            return True
        last = block[-1:]
    return False
