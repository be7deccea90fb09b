"""HEIF and AVIF: the items that are pictures, wherever they lie in the file (ISO/IEC 14496-12, 8.11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mediabridge.sidecar.containers import Window

from .boxes import Box, boxes, number, only, within
from .pieces import Piece, UnclearError

_METADATA = frozenset({b"Exif", b"mime", b"uri "})
_MOST_ITEMS = 20_000
_FULL = 4  # bytes of version and flags


@dataclass(frozen=True, slots=True)
class _Item:
    method: int
    extents: tuple[tuple[int, int], ...]


def pieces(window: Window) -> Iterator[Piece]:
    """The data of all items but EXIF and XMP, their properties, and which is the main one."""
    top = list(boxes(window, 0, window.size))
    meta = only(top, b"meta")
    if meta is None or any(box.kind == b"moov" for box in top):  # sequences of pictures have tables as films have
        raise UnclearError
    parts = within(window, meta, _FULL)
    kinds, places, data = (only(parts, kind) for kind in (b"iinf", b"iloc", b"idat"))
    if kinds is None or places is None:
        raise UnclearError
    types, items = _types(window, kinds), _locations(window, places)
    for kind in (b"pitm", b"iprp"):
        box = only(parts, kind)
        if box is not None:
            yield kind.decode(), (box.offset, box.size)
    for number_, kind in sorted(types.items()):
        if kind not in _METADATA:
            yield f"item {number_} {kind.hex()}", b""
            yield from _extents(items.get(number_), data)


def _extents(item: _Item | None, data: Box | None) -> Iterator[Piece]:
    for offset, size in () if item is None else item.extents:
        if item is not None and item.method == 1:
            if data is None or offset + size > data.size:
                raise UnclearError
            yield "extent", (data.offset + offset, size)
        else:
            yield "extent", (offset, size)


def _types(window: Window, box: Box) -> dict[int, bytes]:
    """What each item is (8.11.6)."""
    wide = number(window, box.offset, 1) != 0
    count = number(window, box.offset + _FULL, 4 if wide else 2)
    if count > _MOST_ITEMS:
        raise UnclearError
    found = {}
    for entry in within(window, box, _FULL + (4 if wide else 2)):
        version = number(window, entry.offset, 1)
        if entry.kind != b"infe" or version not in (2, 3):
            raise UnclearError
        width = 2 if version == 2 else 4  # noqa: PLR2004
        found[number(window, entry.offset + _FULL, width)] = window.at(entry.offset + _FULL + width + 2, 4)
    if len(found) != count:
        raise UnclearError
    return found


def _locations(window: Window, box: Box) -> dict[int, _Item]:
    """Where each item lies (8.11.3). Sizes of 0 mean "all of it", and those of items made of items are not known."""
    version, sizes = number(window, box.offset, 1), number(window, box.offset + _FULL, 2)
    offset_w, length_w, base_w, index_w = (sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15)
    wide = 4 if version == 2 else 2  # noqa: PLR2004
    place = box.offset + _FULL + 2
    count = number(window, place, wide)
    place += wide
    if version > 2 or count > _MOST_ITEMS or not length_w:  # noqa: PLR2004
        raise UnclearError
    found = {}
    for _ in range(count):
        item_id = number(window, place, wide)
        place += wide
        method = number(window, place, 2) & 15 if version else 0
        place += 2 if version else 0
        reference, base = number(window, place, 2), number(window, place + 2, base_w)
        extents_at = place + 2 + base_w
        extents = number(window, extents_at, 2)
        place = extents_at + 2
        ranges = []
        for _ in range(min(extents, _MOST_ITEMS)):
            place += index_w if version else 0
            ranges.append((base + number(window, place, offset_w), number(window, place + offset_w, length_w)))
            place += offset_w + length_w
        if reference or method > 1 or not all(size for _, size in ranges):
            raise UnclearError
        found[item_id] = _Item(method, tuple(ranges))
    return found
