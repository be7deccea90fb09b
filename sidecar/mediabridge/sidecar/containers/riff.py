"""RIFF, the container of WebP, WAV and AVI: chunks of four letters and a little-endian length, padded to even."""

from __future__ import annotations

from .layout import Layout, Window

_HEADER = 12
_FRAME = 8


def walk(window: Window) -> Layout:
    """The chunks of the first RIFF form; its end is what its own header says."""
    form = window.at(8, 4).decode("latin-1")
    layout = Layout("WebP" if form == "WEBP" else f"RIFF {form.strip()}", window.size)
    claimed = (window.number(4, 4, "little") or 0) + _FRAME
    if claimed > window.size:
        layout.odd("pastEnd", f"The header claims {claimed} bytes; the file has {window.size}.", 4)
    else:
        layout.end = claimed + (claimed & 1 if claimed + 1 <= window.size else 0)
    place, limit = _HEADER, min(claimed, window.size)
    while place + _FRAME <= limit and not layout.full:
        name = window.at(place, 4)
        if not name.strip().isalnum():
            layout.odd("badChunk", "Something that is no chunk stands where a chunk should begin.", place)
            break
        size = window.number(place + 4, 4, "little") or 0
        layout.add(name.decode("latin-1"), place + _FRAME, size)
        place += _FRAME + size + (size & 1)
    return layout
