"""PNG: chunks and their checksums (PNG specification, third edition, section 5)."""

from __future__ import annotations

import zlib

from .layout import Layout, Window

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FRAME = 12  # length, type and checksum around a chunk's content
_BLOCK = 1024 * 1024
_CHECKED_AT_MOST = 256 * 1024 * 1024  # bytes; a checksum over more costs more than it tells
_CRITICAL = frozenset({"IHDR", "PLTE", "IDAT", "IEND"})


def walk(window: Window) -> Layout:
    """The chunks up to IEND, each under its own name."""
    layout = Layout("PNG", window.size)
    place = len(SIGNATURE)
    while layout.end is None and not layout.full:
        length, kind = window.number(place, 4), window.at(place + 4, 4)
        if length is None or len(kind) < 4:  # noqa: PLR2004  a type has four letters
            layout.odd("noEnd", "The PNG has no IEND chunk: it is cut short.", window.size)
            break
        if not kind.isalpha():
            layout.odd("badChunk", "Something that is no chunk stands where a chunk should begin.", place)
            break
        name = kind.decode("ascii")
        layout.add(name, place + 8, length)
        _look_at(window, layout, name, place, length)
        place += length + _FRAME
        if name == "IEND":
            layout.end = min(place, window.size)
    return layout


def _look_at(window: Window, layout: Layout, name: str, place: int, length: int) -> None:
    if len(layout.parts) == 1 and name != "IHDR":
        layout.odd("badOrder", f"The first chunk is {name}, not IHDR.", place)
    if name[0].isupper() and name not in _CRITICAL:
        layout.odd("unknownCritical", f"The chunk {name} is marked as necessary, and no specification knows it.", place)
    stored = window.number(place + 8 + length, 4)
    if stored is not None and length <= _CHECKED_AT_MOST and _checksum(window, place + 4, length + 4) != stored:
        layout.odd("badChecksum", f"The checksum of the chunk {name} is wrong: its content was changed.", place)


def _checksum(window: Window, start: int, count: int) -> int:
    value = 0
    for offset in range(start, start + count, _BLOCK):
        value = zlib.crc32(window.at(offset, min(_BLOCK, start + count - offset)), value)
    return value
