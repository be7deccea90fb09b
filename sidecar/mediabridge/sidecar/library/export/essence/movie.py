"""MP4, MOV, 3GP: what lies in `mdat`, the tables of samples, and that they still point at the same bytes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mediabridge.sidecar.containers import Window

from .boxes import Box, boxes, number, only, within
from .pieces import Piece, UnclearError

_OFFSETS = {b"stco": 4, b"co64": 8}  # bytes of an entry (ISO/IEC 14496-12, 8.7.5)
_MOST_CHUNKS = 2_000_000
_FRAGMENTS = frozenset({b"moof", b"mfra", b"sidx"})  # they hold offsets of their own: too much to vouch for


def pieces(window: Window) -> Iterator[Piece]:
    """All but `moov`'s metadata and dates, and the empty boxes that make room for it."""
    top = list(boxes(window, 0, window.size))
    data = [box for box in top if box.kind == b"mdat"]
    movie = only(top, b"moov")
    if movie is None or not data or any(box.kind in _FRAGMENTS for box in top):
        raise UnclearError
    for track in within(window, movie):
        if track.kind == b"trak":
            yield from _track(window, track, data)
    for box in data:  # last: where the tables are unclear, nobody needs to read it
        yield "mdat", (box.offset, box.size)


def _track(window: Window, track: Box, data: Sequence[Box]) -> Iterator[Piece]:
    parts = within(window, track)
    for kind in (b"edts", b"tref"):
        for box in parts:
            if box.kind == kind:
                yield kind.decode(), (box.offset, box.size)
    media = only(parts, b"mdia")
    if media is None:
        raise UnclearError
    for box in within(window, media):
        if box.kind == b"hdlr":
            yield "hdlr", (box.offset, box.size)
        elif box.kind == b"minf":
            for part in within(window, box):
                if part.kind == b"stbl":
                    yield from _tables(window, part, data)
                else:
                    yield f"minf {part.kind.hex()}", (part.offset, part.size)


def _tables(window: Window, table: Box, data: Sequence[Box]) -> Iterator[Piece]:
    for box in within(window, table):
        width = _OFFSETS.get(box.kind)
        if width is None:
            yield f"stbl {box.kind.hex()}", (box.offset, box.size)
        else:
            yield "chunks", _chunks(window, box, width, data)


def _chunks(window: Window, box: Box, width: int, data: Sequence[Box]) -> bytes:
    """Where chunks begin, counted from the beginning of the `mdat` that they lie in."""
    count = number(window, box.offset + 4, 4)
    raw = window.at(box.offset + 8, count * width) if count <= _MOST_CHUNKS else b""
    if len(raw) != count * width:
        raise UnclearError
    found = bytearray()
    for at in range(0, len(raw), width):
        place = int.from_bytes(raw[at : at + width], "big")
        for index, one in enumerate(data):
            if one.offset <= place <= one.end:
                found += index.to_bytes(4, "big") + (place - one.offset).to_bytes(8, "big")
                break
        else:
            raise UnclearError
    return bytes(found)
