"""The quantisation tables of T.81 annex K, scaled as the Independent JPEG Group's library does. Pure."""

from __future__ import annotations

from functools import cache

# T.81, table K.1 (luminance), in zigzag order.
LUMINANCE = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61,
    60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113,
    121, 112, 100, 120, 92, 101, 103, 99,
)  # fmt: skip
# Where the zigzag's i-th coefficient lies: row, column.
ZIGZAG = tuple(
    sorted(
        ((row, column) for row in range(8) for column in range(8)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
)
_MIDDLE = 50
_LARGEST = 255


@cache
def scaled(quality: int) -> tuple[int, ...]:
    """The luminance table of a quality from 1 to 100 (jcparam.c, `jpeg_quality_scaling`), in zigzag order."""
    percent = 5000 // quality if quality < _MIDDLE else 200 - 2 * quality
    return tuple(min(max((step * percent + 50) // 100, 1), _LARGEST) for step in LUMINANCE)


def quality_of(table: list[int]) -> tuple[int, bool]:
    """The quality whose luminance table is the nearest (by relative differences), and whether it is the same."""
    best = min(range(1, 101), key=lambda quality: (_difference(table, scaled(quality)), -quality))
    return best, tuple(table) == scaled(best)


def _difference(table: list[int], other: tuple[int, ...]) -> float:
    return sum(abs(a - b) / (a + b) for a, b in zip(table, other, strict=True))
