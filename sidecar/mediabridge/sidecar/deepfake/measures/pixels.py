"""The pixels that are measured: decoded once, as they are stored.

What looks for traces of JPEG needs the grid of 8x8 blocks as the file has it: not turned, not resized, its colours not
converted. What a model is given, and every map that is shown, is upright; what a model is given is sRGB.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin

from mediabridge.sidecar.analysis.tables import scaled
from mediabridge.sidecar.deepfake.steps import CROP
from mediabridge.sidecar.images.colour import eight_bit, flat
from mediabridge.sidecar.images.decode import Decoded, decode, upright
from mediabridge.sidecar.images.presets import Size
from mediabridge.sidecar.images.render import upright_srgb

MOST_PIXELS = 50_000_000  # 150 MB as RGB; larger ones are not measured, since shrinking would wipe the traces out
_REDUCED = 256
_GRID = 16  # pixels of a JPEG's largest usual unit (4:2:0)
Levels = npt.NDArray[np.float32]


class TooLargeError(Exception):
    """More pixels than are measured; `str()` is a clause."""


@dataclass(frozen=True)
class Pixels:
    """`size`: as stored. `turn`: EXIF's orientation."""

    decoded: Decoded
    format: str

    @property
    def size(self) -> Size:
        """Of the picture as it is stored."""
        return self.decoded.picture.size

    @property
    def is_jpeg(self) -> bool:
        """Whether it has a grid of its own."""
        return self.format in ("JPEG", "MPO")

    @property
    def quality(self) -> int | None:
        """Of the JPEG's luminance table, on the Independent JPEG Group's scale; None for other formats."""
        table = (getattr(self.decoded.picture, "quantization", None) or {}).get(0)
        if not self.is_jpeg or not table:
            return None
        return min(range(1, 101), key=lambda quality: (abs(sum(scaled(quality)) - sum(table)), -quality))

    @cached_property
    def stored(self) -> Image.Image:
        """RGB as decoded: on the file's grid, colours not converted; what is transparent lies on white."""
        return flat(eight_bit(self.decoded.picture)).convert("RGB")

    @cached_property
    def grey(self) -> Image.Image:
        """The luminance of `stored`."""
        return self.stored.convert("L")

    def middle(self, side: int = CROP) -> Image.Image:
        """At most `side` pixels a side from the middle of `stored`, cut on the grid."""
        return self.stored.crop(middle_box(self.size, side))

    def upright_middle(self, side: int = CROP) -> npt.NDArray[np.uint8]:
        """The same, upright and in sRGB: height x width x 3."""
        cut = self.decoded.picture.crop(middle_box(self.size, side))
        size = upright(cut.size, self.decoded.turn)
        shown = flat(upright_srgb(Decoded(cut, size, self.decoded.turn), size)).convert("RGB")
        return np.asarray(shown)

    def turned(self, plan: Image.Image) -> Image.Image:
        """A map that was made on the stored grid, upright."""
        size = upright(plan.size, self.decoded.turn)
        return upright_srgb(Decoded(plan, size, self.decoded.turn), size)

    def upright_box(self, box: tuple[int, int, int, int]) -> dict[str, int]:
        """A box of the stored picture (left, top, right, bottom) as it lies in the upright one."""
        width, height = self.size
        left, top, right, bottom = box
        if self.decoded.turn in (2, 3, 7, 8):
            left, right = width - right, width - left
        if self.decoded.turn in (3, 4, 6, 7):
            top, bottom = height - bottom, height - top
        if self.decoded.turn in (5, 6, 7, 8):
            left, top, right, bottom = top, left, bottom, right
        return {"x": left, "y": top, "width": right - left, "height": bottom - top}

    def reduced(self) -> npt.NDArray[np.uint8]:
        """The whole picture, upright and small: about 256 pixels on its shorter side."""
        return np.asarray(self.turned(self.stored.reduce(max(min(self.size) // _REDUCED, 1))))

    def facts(self) -> dict[str, Any]:
        """About the file's form, for the model's guards: never a feature."""
        width, height = upright(self.size, self.decoded.turn)
        picture = self.decoded.picture
        tables = getattr(picture, "quantization", None) if self.is_jpeg else None
        sampling = JpegImagePlugin.get_sampling(picture) if isinstance(picture, JpegImagePlugin.JpegImageFile) else None
        return {
            "format": self.format,
            "mode": picture.mode,
            "width": width,
            "height": height,
            "quality": self.quality,
            "quantisation": hashlib.sha256(repr(sorted(tables.items())).encode()).hexdigest()[:16] if tables else None,
            "subsampling": sampling,
            "progressive": bool(picture.info.get("progressive")),
        }


def read(path: Path) -> Pixels:
    """Decode the first frame. Raises a `PictureError`, or `TooLargeError` for more than `MOST_PIXELS`."""

    def whole(size: Size) -> Size:
        _check(size)
        return size

    decoded = decode(path, whole)
    _check(decoded.size)
    return Pixels(decoded, decoded.picture.format or "unknown")


def middle_box(size: Size, side: int) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) of the middle: its corner on the grid, its sides whole blocks if possible."""
    sides = [min(length // 8 * 8 or length, side) for length in size]
    left, top = (max(length - cut, 0) // 2 // _GRID * _GRID for length, cut in zip(size, sides, strict=True))
    return left, top, left + sides[0], top + sides[1]


def block_means(levels: npt.NDArray[Any], block: int) -> Levels:
    """The mean of each whole `block` x `block` square."""
    rows, columns = levels.shape[0] // block, levels.shape[1] // block
    whole = levels[: rows * block, : columns * block].reshape(rows, block, columns, block)
    means: Levels = whole.mean(axis=(1, 3), dtype=np.float32)
    return means


def _check(size: Size) -> None:
    if size[0] * size[1] > MOST_PIXELS:
        what = f"it has {size[0]}x{size[1]} pixels"
        msg = f"{what}; at most {MOST_PIXELS} are measured, since shrinking wipes the traces out"
        raise TooLargeError(msg)
