"""JPEG: markers and segments (ITU-T T.81, annex B)."""

from __future__ import annotations

import re

from .layout import Layout, Part, Window

START = b"\xff\xd8\xff"
_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01
_RESTARTS = range(0xD0, 0xD8)
_NAMES = {0xC4: "DHT", 0xC8: "JPG", 0xCC: "DAC", 0xDA: "SOS", 0xDB: "DQT", 0xDC: "DNL", 0xDD: "DRI", 0xFE: "COM"}
# In picture data a marker is FF and anything but a stuffed 00, a restart (D0 to D7) or a fill byte FF.
_MARKER_IN_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_NO_FILL = re.compile(rb"[^\xff]")
_SOF = 0xC0
MUCH_FILLER = 64 * 1024  # bytes; decoders that skip such bytes one by one would be busy with more for minutes
_FIRST_APP, _LAST_APP = 0xE0, 0xEF


def walk(window: Window) -> Layout:
    """The segments and scans up to the end marker. Parts: `APP1`, `DQT`, `SOF0`, `SOS`, `scan`, ..."""
    layout = Layout("JPEG", window.size)
    place: int | None = 2
    while place is not None and not layout.full:
        place = _step(window, layout, place)
    if layout.end is None and not layout.full:
        layout.odd(
            "noEnd", "The JPEG has no end marker (FF D9): it is cut short, or its end was taken off.", window.size
        )
    return layout


def _step(window: Window, layout: Layout, place: int) -> int | None:
    """Take the segment at `place`; gives the next place, or None at the end."""
    head = window.at(place, 2)
    if len(head) < 2:  # noqa: PLR2004  a marker has two bytes
        return None
    if head[0] != 0xFF or head[1] == 0:  # noqa: PLR2004  no marker here
        return _skip_junk(window, layout, place)
    code = head[1]
    if code == 0xFF:  # noqa: PLR2004  fill bytes before the marker
        return _skip_fill(window, layout, place)
    if code == _EOI:
        layout.end = place + 2
        return None
    if code == _SOI:
        layout.odd("secondStart", "A second start marker (FF D8) stands inside of the JPEG.", place)
    if code in (_SOI, _TEM) or code in _RESTARTS:
        return place + 2
    return _take_segment(window, layout, place, code)


def _skip_fill(window: Window, layout: Layout, place: int) -> int | None:
    following = window.find(_NO_FILL, place, 0)
    _note_filler(layout, (following or window.size) - place, place)
    return None if following is None else following - 1


def _note_filler(layout: Layout, count: int, place: int) -> None:
    if count > MUCH_FILLER:
        layout.odd("filler", f"{count} bytes without meaning stand in the JPEG's header.", place)


def _skip_junk(window: Window, layout: Layout, place: int) -> int | None:
    following = window.find(_MARKER, place, 1)
    count = (following or window.size) - place
    layout.odd("bytesBetweenSegments", f"{count} bytes that belong to no segment stand between two.", place)
    _note_filler(layout, count, place)
    return following


def _take_segment(window: Window, layout: Layout, place: int, code: int) -> int | None:
    length = window.number(place + 2, 2)
    if length is None or length < 2:  # noqa: PLR2004  the length counts its own two bytes
        layout.odd("badLength", f"The segment {_name(code)} has no valid length.", place)
        return None
    layout.add(_name(code), place + 4, length - 2)
    following = place + 2 + length
    if code != _SOS:
        return following if following < window.size else None
    end = window.find(_MARKER_IN_SCAN, following, 1)
    layout.parts.append(Part("scan", following, (end or window.size) - following))
    return end


def _name(code: int) -> str:
    if _FIRST_APP <= code <= _LAST_APP:
        return f"APP{code - _FIRST_APP}"
    return _NAMES.get(code) or (f"SOF{code - _SOF}" if _SOF <= code < _RESTARTS.start else f"FF{code:02X}")
