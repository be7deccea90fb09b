"""TIFF directories, the form of EXIF and of most RAW files (TIFF 6.0 section 2): tags and raw values."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from typing import Literal

from . import values

At = Callable[[int, int], bytes]  # (offset, count) -> bytes, fewer at the end
Raw = int | float | str | bytes | tuple[int | float | str, ...]
Directory = tuple[str, dict[int, Raw]]  # its name in ExifTool's family 1, tag -> value

_MOST_ENTRIES, _MOST_BYTES, _MOST_DIRECTORIES = 512, 64 * 1024, 4
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ASCII, _RATIONAL, _UNDEFINED, _SIGNED_RATIONAL = 2, 5, 7, 10
_SIGNED = frozenset({6, 8, 9, 10})
_FLOATS = frozenset({11, 12})
_POINTERS = {0x8769: "ExifIFD", 0x8825: "GPS"}
_INTEROP = 0xA005


def byte_order(at: At) -> Literal["little", "big"] | None:
    """The order of a TIFF block's numbers; None when it is none."""
    head = at(0, 4)
    if head[:2] == b"II" and head[2:3] in (b"*", b"U"):  # U: Panasonic
        return "little"
    return "big" if head == b"MM\0*" else None


def directories(at: At) -> Iterator[Directory]:
    """All directories of a block: `IFD0` with its `ExifIFD` and `GPS`, `IFD1`, ... Broken ones end the walk."""
    order = byte_order(at)
    if order is None:
        return
    place = int.from_bytes(at(4, 4), order)
    for number in range(_MOST_DIRECTORIES):
        if not place:
            return
        tags, place = _directory(at, place, order)
        yield f"IFD{number}", tags
        for pointer, name in _POINTERS.items():
            if isinstance(start := tags.get(pointer), int):
                inner, _ = _directory(at, start, order)
                yield name, inner
                if isinstance(further := inner.get(_INTEROP), int):
                    yield "InteropIFD", _directory(at, further, order)[0]


def _directory(at: At, place: int, order: Literal["little", "big"]) -> tuple[dict[int, Raw], int]:
    count = int.from_bytes(at(place, 2), order)
    if not 0 < count <= _MOST_ENTRIES:
        return {}, 0
    block = at(place + 2, count * 12 + 4)
    tags: dict[int, Raw] = {}
    for start in range(0, min(count * 12, len(block) - 11), 12):
        entry = block[start : start + 12]
        tag, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
        value = _value(at, kind, int.from_bytes(entry[4:8], order), entry[8:], order)
        if value is not None:
            tags.setdefault(tag, value)
    return tags, int.from_bytes(block[count * 12 : count * 12 + 4], order)


def _value(at: At, kind: int, count: int, inline: bytes, order: Literal["little", "big"]) -> Raw | None:
    size = _SIZES.get(kind, 0) * count
    if not size or size > _MOST_BYTES:
        return None
    data = inline[:size] if size <= len(inline) else at(int.from_bytes(inline, order), size)
    if len(data) < size:
        return None
    if kind == _ASCII:
        return values.text(data)
    if kind == _UNDEFINED:
        return data
    found = tuple(_numbers(data, kind, order))
    return found[0] if len(found) == 1 else found


def _numbers(data: bytes, kind: int, order: Literal["little", "big"]) -> Iterator[int | float | str]:
    width, signed = _SIZES[kind], kind in _SIGNED
    for start in range(0, len(data), width):
        piece = data[start : start + width]
        if kind in (_RATIONAL, _SIGNED_RATIONAL):
            top, bottom = (int.from_bytes(piece[i : i + 4], order, signed=signed) for i in (0, 4))
            yield values.fraction(top, bottom)
        elif kind in _FLOATS:
            yield _float(piece, order)
        else:
            yield int.from_bytes(piece, order, signed=signed)


def _float(piece: bytes, order: Literal["little", "big"]) -> float | str:
    kind = "f" if len(piece) == _SIZES[11] else "d"
    number: float = struct.unpack(("<" if order == "little" else ">") + kind, piece)[0]
    return float(f"{number:.15g}") if math.isfinite(number) else str(number)
