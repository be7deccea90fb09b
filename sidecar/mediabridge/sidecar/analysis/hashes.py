"""Digests of the bytes, and two perceptual hashes of the picture.

dHash: signs of the differences between neighbours of a 9x8 reduction. pHash: signs of the 64 lowest frequencies of a
32x32 reduction against their median (Zauner, "Implementation and benchmarking of perceptual image hash functions",
2010). Both are taken of the upright picture; equal or near ones (a Hamming distance up to about 10) mean that two files
show the same. A picture almost without contrast has none: such hashes collapse to the same few values.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from statistics import median, pstdev
from typing import Any

from PIL import Image

from .model import Examined, Finding, NotApplicable, Subject
from .picture import open_picture, upright

METHOD = "digests over all bytes; dHash and pHash of the upright, decoded picture"
_BLOCK = 1024 * 1024
_SIDE, _KEPT = 32, 8
_LEAST_CONTRAST = 2.0  # standard deviation of 0..255 grey levels


def examine(subject: Subject) -> Examined:
    """MD5, SHA-1, SHA-256 as hexadecimal, `perceptual` with `dhash` and `phash` of 64 bits as hexadecimal, or null."""
    digests = _digests(subject.path)
    facts: dict[str, Any] = {**digests, "perceptual": None}
    try:
        subject.check_decodable()
        with open_picture(subject.path) as opened:
            facts["perceptual"] = perceptual(upright(opened, 512))
    except NotApplicable as reason:
        facts["whyNoPerceptual"] = str(reason)
    else:
        if facts["perceptual"] is None:
            facts["whyNoPerceptual"] = "the picture has almost no contrast"
    return Examined(facts, _changed(digests["sha256"], subject.facts.sha256))


def _digests(path: Path) -> dict[str, str]:
    made = {name: hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256")}
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            for digest in made.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in made.items()}


def _changed(found: str, told: str) -> tuple[Finding, ...]:
    if not told or found == told.lower():
        return ()
    what = "The bytes are not those that were received."
    return (Finding("digestMismatch", what, "file", "high", "SHA-256", {"found": found, "expected": told}),)


def perceptual(picture: Image.Image) -> dict[str, str] | None:
    """`dhash` and `phash` of a picture as 16 hexadecimal digits each; None when it has almost no contrast."""
    grey = _levels(picture, _SIDE, _SIDE)
    if pstdev(grey) < _LEAST_CONTRAST:
        return None
    rows = _levels(picture, 9, 8)
    differences = [rows[y * 9 + x] > rows[y * 9 + x + 1] for y in range(8) for x in range(8)]
    low = _lowest_frequencies(grey)
    middle = median(low[1:])  # the first is the brightness
    return {"dhash": _hexadecimal(differences), "phash": _hexadecimal([value > middle for value in low])}


def distance(one: str, other: str) -> int:
    """Bits in which two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _levels(picture: Image.Image, width: int, height: int) -> list[int]:
    reduced = picture.convert("L").resize((width, height), Image.Resampling.LANCZOS)
    return list(reduced.tobytes())


def _lowest_frequencies(grey: list[int]) -> list[float]:
    """The 8x8 lowest coefficients of the 32x32 DCT-II, row by row, without its scale."""
    waves = [[math.cos(math.pi * (2 * x + 1) * u / (2 * _SIDE)) for x in range(_SIDE)] for u in range(_KEPT)]
    rows = [grey[y * _SIDE : (y + 1) * _SIDE] for y in range(_SIDE)]
    across = [[_dot(wave, row) for wave in waves] for row in rows]
    columns = [[across[y][u] for y in range(_SIDE)] for u in range(_KEPT)]
    return [_dot(wave, column) for wave in waves for column in columns]


def _dot(one: list[float], other: list[Any]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def _hexadecimal(bits: list[bool]) -> str:
    value = 0
    for bit in bits:
        value = value << 1 | bit
    return f"{value:016x}"
