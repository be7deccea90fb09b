"""Perceptual hashes of upright pixels: near for pictures that show the same, far for others. Needs Pillow alone.

pHash: signs of the 64 lowest frequencies of a 32x32 reduction against their median (Zauner, "Implementation and
benchmarking of perceptual image hash functions", 2010). dHash: signs of the differences between neighbours of a 9x8
reduction (Krawetz, "Kind of like that", 2013). The 16x16 grey levels settle what the hashes leave open.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from statistics import median

from PIL import Image

_SIDE, _KEPT, LEVELS = 32, 8, 16
_LEAST_CONTRAST = 2.0  # standard deviation of 0..255 grey levels
_PAPER_LIGHT, _PAPER_COLOUR = 190, 6.0  # mean brightness and spread of colours from which a picture counts as a page
_FORM = struct.Struct(f">QQ?{LEVELS * LEVELS // 2}s")
_WAVES = [[math.cos(math.pi * (2 * x + 1) * u / (2 * _SIDE)) for x in range(_SIDE)] for u in range(_KEPT)]


class NotAHashError(ValueError):
    """Bytes that `PerceptualHash.to_bytes` did not make."""


@dataclass(frozen=True, slots=True)
class PerceptualHash:
    """Of 64 bits each, as whole numbers. `levels`: 16x16 grey levels of 0 to 15, row by row, two in a byte.

    `paper`: bright and without colours, as pages of text are. All of them look alike at this size.
    """

    phash: int
    dhash: int
    paper: bool
    levels: bytes

    def to_bytes(self) -> bytes:
        """145 bytes, for a database."""
        return _FORM.pack(self.phash, self.dhash, self.paper, self.levels)

    @classmethod
    def from_bytes(cls, data: bytes) -> PerceptualHash | None:
        """The hash of `to_bytes`; None for no bytes, which stand for a picture without one. Raises `NotAHashError`."""
        if not data:
            return None
        if len(data) != _FORM.size:
            msg = f"a hash has {_FORM.size} bytes, not {len(data)}"
            raise NotAHashError(msg)
        return cls(*_FORM.unpack(data))


def hashes(picture: Image.Image) -> PerceptualHash | None:
    """The hashes of upright pixels; None when there is almost no contrast: such hashes are all the same."""
    grey = picture.convert("L")
    low = list(_reduced(grey, _SIDE, _SIDE).tobytes())
    if _spread(low) < _LEAST_CONTRAST:
        return None
    rows = _reduced(grey, 9, 8).tobytes()
    differences = [rows[y * 9 + x] > rows[y * 9 + x + 1] for y in range(8) for x in range(8)]
    frequencies = _lowest_frequencies(low)
    middle = median(frequencies[1:])  # the first is the brightness
    signs = _number([value > middle for value in frequencies])
    return PerceptualHash(signs, _number(differences), _is_paper(picture), _levels(grey))


def distance(one: int, other: int) -> int:
    """Bits in which two hashes differ."""
    return (one ^ other).bit_count()


def _reduced(grey: Image.Image, width: int, height: int) -> Image.Image:
    return grey.resize((width, height), Image.Resampling.LANCZOS)


def _lowest_frequencies(grey: list[int]) -> list[float]:
    """The 8x8 lowest coefficients of the 32x32 DCT-II, row by row, without its scale."""
    rows = [grey[y * _SIDE : (y + 1) * _SIDE] for y in range(_SIDE)]
    across = [[sum(map(mul, wave, row)) for wave in _WAVES] for row in rows]
    columns = [[across[y][u] for y in range(_SIDE)] for u in range(_KEPT)]
    return [sum(map(mul, wave, column)) for wave in _WAVES for column in columns]


def _is_paper(picture: Image.Image) -> bool:
    small = picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX).convert("YCbCr")
    light, *colours = (list(channel.tobytes()) for channel in small.split())
    return sum(light) >= _PAPER_LIGHT * len(light) and all(_spread(colour) < _PAPER_COLOUR for colour in colours)


def _levels(grey: Image.Image) -> bytes:
    """Stretched to the whole range, so that 4 bits are enough."""
    values = grey.resize((LEVELS, LEVELS), Image.Resampling.BOX).tobytes()
    least, most = min(values), max(values)
    scaled = [round(15 * (value - least) / (most - least or 1)) for value in values]
    return bytes(first << 4 | second for first, second in zip(scaled[::2], scaled[1::2], strict=True))


def _spread(values: Sequence[int]) -> float:
    """The standard deviation, without the exact fractions of `statistics`, which take a hundred times as long."""
    mean = sum(values) / len(values)
    return math.sqrt(max(sum(map(mul, values, values)) / len(values) - mean * mean, 0.0))


def _number(bits: list[bool]) -> int:
    value = 0
    for bit in bits:
        value = value << 1 | bit
    return value
