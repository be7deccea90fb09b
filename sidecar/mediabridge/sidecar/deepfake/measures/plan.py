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


def plan(
    pixels: Pixels,
    id: str,  # noqa: A002  the answer's own name
    levels: npt.NDArray[Any],
    scale: int,
    reads_as: str,
    *,
    white: float | None = None,
    unit: str = "",
) -> Picture:
    """A map of block values that lie in the stored grid. Black is 0, white is `white`.

    Without it, white is the largest value but for the top 0.5 %, and `reads_as` tells it in `unit`: stretched like
    that, hardly anything looks like much.
    """
    while max(levels.shape) > MOST_SIDE:
        levels, scale = _halved(levels), scale * 2
    if white is None:
        white = brightest(levels)
        reads_as = f"{reads_as} White is {white:.2g} {unit} or more."
    shown = pixels.turned(Image.fromarray(as_grey(levels, white)))
    return Picture(id, shown.width, shown.height, scale, reads_as, png(shown))


def brightest(levels: npt.NDArray[Any]) -> float:
    """The value that is shown as white: a few large ones do not darken all the others."""
    return float(np.percentile(levels, 99.5)) or float(levels.max()) or 1.0


def as_grey(levels: npt.NDArray[Any], white: float) -> npt.NDArray[np.uint8]:
    """0 .. 255."""
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
