"""ISO base media files (HEIF, AVIF, MP4, MOV): the boxes of the top level (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

from .layout import Layout, Window

_BRANDS = {b"heic": "HEIF", b"heix": "HEIF", b"mif1": "HEIF", b"msf1": "HEIF", b"avif": "AVIF", b"avis": "AVIF"}
_HEADER, _LARGE = 8, 16


def walk(window: Window) -> Layout:
    """The boxes of the top level, each under its own type."""
    layout = Layout(_BRANDS.get(window.at(8, 4), "MP4"), window.size)
    place = 0
    while place < window.size and not layout.full:
        size, kind = window.number(place, 4), window.at(place + 4, 4)
        if size is None or not _is_type(kind):
            break
        header = _HEADER
        if size == 1:
            size, header = window.number(place + _HEADER, 8) or 0, _LARGE
        elif size == 0:  # up to the end of the file
            size = window.size - place
        if size < header:
            layout.odd("badLength", f"The box {kind.decode('latin-1')} has no valid length.", place)
            break
        layout.add(kind.decode("latin-1"), place + header, size - header)
        place += size
    layout.end = min(place, window.size) if not layout.problems else None
    return layout


def _is_type(kind: bytes) -> bool:
    return len(kind) == 4 and all(32 <= byte < 127 or byte == 0xA9 for byte in kind)  # noqa: PLR2004  printable, or ©
