"""TIFF 6.0: the strips and tiles of all pictures, and the fields that say how to read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mediabridge.sidecar.containers import Window

from .pieces import Piece, UnclearError

_MOST_IFDS, _MOST_ENTRIES, _MOST_BLOCKS = 100, 4096, 1_000_000
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_NUMBERS = {1: 1, 3: 2, 4: 4, 13: 4}
_SUB_IFDS = 0x14A
_BLOCKS = ((0x111, 0x117), (0x144, 0x145), (0x201, 0x202))  # offsets and sizes of strips, of tiles, of an old JPEG
# Size, depth, compression, colours, planes, tiles, tables of JPEG, YCbCr, ICC profile; not orientation, which is told.
_FIELDS = frozenset(
    {0x100, 0x101, 0x102, 0x103, 0x106, 0x10A, 0x115, 0x116, 0x11C, 0x124, 0x125, 0x12D, 0x13D, 0x140, 0x142, 0x143}
    | {0x14C, 0x152, 0x153, 0x154, 0x155, 0x15B, 0x211, 0x212, 0x213, 0x214, 0x8773}
)
_MAGIC = 42


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    at: int  # where the value lies

    @property
    def size(self) -> int:
        return _SIZES[self.kind] * self.count


def pieces(window: Window) -> Iterator[Piece]:
    """Of a classic TIFF; BigTIFF is not known to all versions of ExifTool."""
    order: Literal["little", "big"] = "little" if window.at(0, 2) == b"II" else "big"
    if window.number(2, 2, order) != _MAGIC:
        raise UnclearError
    todo, seen, blocks = [_number(window, 4, 4, order)], set[int](), 0
    while todo:
        place = todo.pop(0)
        if place == 0:
            continue
        if place in seen or len(seen) > _MOST_IFDS:
            raise UnclearError
        seen.add(place)
        entries, following = _ifd(window, place, order)
        for piece in _picture(window, entries, order):
            blocks += piece[0].startswith("block")
            yield piece
        subs = entries.get(_SUB_IFDS)
        todo = [*(_numbers(window, subs, order) if subs else ()), following, *todo]
    if not blocks:
        raise UnclearError


def _ifd(window: Window, place: int, order: str) -> tuple[dict[int, _Entry], int]:
    count = _number(window, place, 2, order)
    if count > _MOST_ENTRIES:
        raise UnclearError
    entries = {}
    for number in range(count):
        at = place + 2 + 12 * number
        tag, kind, values = _number(window, at, 2, order), _number(window, at + 2, 2, order), 0
        values = _number(window, at + 4, 4, order)
        if kind in _SIZES:
            inside = _SIZES[kind] * values <= 4  # noqa: PLR2004  so many bytes stand in the entry itself
            entries[tag] = _Entry(kind, values, at + 8 if inside else _number(window, at + 8, 4, order))
    return entries, _number(window, place + 2 + 12 * count, 4, order)


def _picture(window: Window, entries: dict[int, _Entry], order: str) -> Iterator[Piece]:
    for tag in sorted(entries.keys() & _FIELDS):
        entry = entries[tag]
        yield f"field {tag}", (entry.at, entry.size)
    for offsets, sizes in _BLOCKS:
        if offsets in entries and sizes in entries:
            places, counts = _numbers(window, entries[offsets], order), _numbers(window, entries[sizes], order)
            if len(places) != len(counts):
                raise UnclearError
            for place, size in zip(places, counts, strict=True):
                yield f"block {offsets}", (place, size)


def _numbers(window: Window, entry: _Entry, order: str) -> list[int]:
    width = _NUMBERS.get(entry.kind)
    if width is None or entry.count > _MOST_BLOCKS:
        raise UnclearError
    data = window.at(entry.at, entry.size)
    if len(data) != entry.size:
        raise UnclearError
    word: Literal["little", "big"] = "little" if order == "little" else "big"
    return [int.from_bytes(data[at : at + width], word) for at in range(0, len(data), width)]


def _number(window: Window, at: int, count: int, order: str) -> int:
    found = window.number(at, count, order)
    if found is None:
        raise UnclearError
    return found
