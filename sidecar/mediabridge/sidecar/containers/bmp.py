"""BMP: its header tells the size of the file."""

from __future__ import annotations

from .layout import Layout, Window

_SMALLEST = 26  # file header and the oldest bitmap header


def walk(window: Window) -> Layout:
    """No parts; the end is what the header says, when it says something sensible."""
    layout = Layout("BMP", window.size)
    claimed = window.number(2, 4, "little") or 0
    if claimed > window.size:
        layout.odd("pastEnd", f"The header claims {claimed} bytes; the file has {window.size}.", 2)
    elif claimed >= _SMALLEST:  # some writers leave a zero
        layout.end = claimed
    return layout
