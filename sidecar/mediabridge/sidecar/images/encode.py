"""Upright sRGB pixels -> the bytes of a preset. For the child process."""

from __future__ import annotations

import io
import math
from typing import Any

from PIL import Image

from .colour import flat
from .errors import CannotFit
from .perceptual import hashes
from .presets import Preset, Size
from .resize import resized

_LEAST_QUALITY = 20  # below it a smaller picture looks better than a worse one
_SMALLEST_SIDE = 16
_SHRINK = 0.9  # each further step, at least
# Huffman tables of its own cost a JPEG 5 ms and save 5 % of it; sharp makes them too.
_HOW: dict[str, dict[str, Any]] = {
    "jpeg": {"optimize": True, "subsampling": "4:2:0"},
    "webp": {"method": 4},
    "png": {"compress_level": 6},
    "avif": {"speed": 8},
}


class Encoded:
    """`quality` and `size` are what was taken to fit; `data` the file."""

    __slots__ = ("data", "quality", "size")

    def __init__(self, data: bytes, quality: int, size: Size) -> None:
        self.data = data
        self.quality = quality
        self.size = size


def encode(picture: Image.Image, preset: Preset, exif: bytes = b"") -> Encoded:
    """One file. Raises `CannotFit` when nothing brings it under `preset.most_bytes`."""
    if preset.format == "hash":
        hashed = hashes(flat(picture))
        return Encoded(hashed.to_bytes() if hashed else b"", preset.quality, picture.size)
    pixels = flat(picture) if preset.format == "jpeg" else picture
    first = Encoded(_bytes(pixels, preset.format, preset.quality, exif), preset.quality, pixels.size)
    if preset.most_bytes is None or len(first.data) <= preset.most_bytes:
        return first
    return _fitting(pixels, preset, exif, preset.most_bytes)


def _fitting(pixels: Image.Image, preset: Preset, exif: bytes, most: int) -> Encoded:
    while True:
        best, smallest = _best_quality(pixels, preset, exif, most)
        if best is not None:
            return best
        # Bytes go with pixels, roughly.
        side = max(pixels.size)
        if side <= _SMALLEST_SIDE:
            msg = f"not even {pixels.width}x{pixels.height} pixels fit into {most} bytes"
            raise CannotFit(msg)
        scale = max(min(math.sqrt(most / smallest), _SHRINK), _SMALLEST_SIDE / side)
        pixels = resized(pixels, (max(round(pixels.width * scale), 1), max(round(pixels.height * scale), 1)))


def _best_quality(pixels: Image.Image, preset: Preset, exif: bytes, most: int) -> tuple[Encoded | None, int]:
    """The highest quality that fits, by bisection; and the bytes of the last one that did not."""
    best, too_large = None, 0
    low, high = min(_LEAST_QUALITY, preset.quality), preset.quality
    quality = low
    while low <= high:
        data = _bytes(pixels, preset.format, quality, exif)
        if len(data) <= most:
            best, low = Encoded(data, quality, pixels.size), quality + 1
        else:
            too_large, high = len(data), quality - 1
        quality = (low + high) // 2
    return best, too_large


def _bytes(pixels: Image.Image, format_name: str, quality: int, exif: bytes) -> bytes:
    out = io.BytesIO()
    extra: dict[str, Any] = {"exif": exif} if exif else {}
    if format_name != "png":
        extra["quality"] = quality
    bare = pixels.copy() if pixels.info else pixels
    bare.info = {}  # what it carries (profile, EXIF, comments) would be written by some formats and not by others
    bare.save(out, format_name.upper(), **_HOW[format_name], **extra)
    return out.getvalue()
