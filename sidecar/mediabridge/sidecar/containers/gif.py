"""GIF: blocks and sub-blocks (GIF89a specification)."""

from __future__ import annotations

from .layout import Layout, Part, Window

_SCREEN = 13  # header and logical screen descriptor
_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_DESCRIPTOR = 10
_SUB_BLOCKS = 1_000_000


def walk(window: Window) -> Layout:
    """Images and extensions up to the trailer (3B)."""
    layout = Layout("GIF", window.size)
    place: int | None = _SCREEN + _table(window, 10)
    while place is not None and layout.end is None and not layout.full:
        place = _step(window, layout, place)
    if layout.end is None and not layout.problems and not layout.full:
        layout.odd("noEnd", "The GIF has no trailer (3B): it is cut short.", window.size)
    return layout


def _step(window: Window, layout: Layout, place: int) -> int | None:
    head = window.at(place, 2)
    if not head:
        return None
    if head[0] == _TRAILER:
        layout.end = place + 1
        return None
    if head[0] == _IMAGE:
        name, data = "image", place + _DESCRIPTOR + _table(window, place + 9) + 1
    elif head[0] == _EXTENSION and len(head) > 1:
        name, data = f"extension {head[1]:02X}", place + 2
    else:
        layout.odd("badBlock", "Something that is no block stands where a block should begin.", place)
        return None
    end = _end_of_sub_blocks(window, data)
    layout.parts.append(Part(name, place, (end or window.size) - place))
    return end


def _table(window: Window, flags_at: int) -> int:
    """Bytes of the colour table that a byte of flags announces."""
    flags = window.number(flags_at, 1) or 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_sub_blocks(window: Window, place: int) -> int | None:
    for _ in range(_SUB_BLOCKS):
        length = window.number(place, 1)
        if length is None:
            return None
        place += length + 1
        if length == 0:
            return place
    return None
