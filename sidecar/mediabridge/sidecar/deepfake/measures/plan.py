"""Maps: arrays of numbers as small grey PNGs. Pure but for the encoding."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mediabridge.sidecar.deepfake.evidence import Picture

from .pixels import Pixels

MOST_SIDE = 768  # pixels of a map's longer side


def plan(pixels: Pixels, id: str, levels: npt.NDArray[Any], scale: int, reads_as: str) -> Picture:  # noqa: A002  the answer's own name
    """A map of block values that lie in the stored grid; black is 0, white the largest but for the top 0.5 %."""
    while max(levels.shape) > MOST_SIDE:
        levels, scale = _halved(levels), scale * 2
    shown = pixels.turned(Image.fromarray(as_grey(levels)))
    return Picture(id, shown.width, shown.height, scale, reads_as, png(shown))


def as_grey(levels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """0 .. 255; a few bright values do not darken all the others."""
    white = float(np.percentile(levels, 99.5)) or float(levels.max()) or 1.0
    return (np.clip(levels / white, 0, 1) * 255).astype(np.uint8)


def png(shown: Image.Image) -> bytes:
    """The picture's file."""
    out = io.BytesIO()
    shown.convert("L").save(out, "PNG", optimize=True)
    return out.getvalue()


def _halved(levels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Half as many values a side; the larger ones survive, since they are what one looks for."""
    rows, columns = (max(side // 2, 1) for side in levels.shape)
    steps = [min(side, 2) for side in levels.shape]
    whole = levels[: rows * steps[0], : columns * steps[1]].reshape(rows, steps[0], columns, steps[1])
    halved: npt.NDArray[Any] = whole.max(axis=(1, 3))
    return halved
