"""Numbers that pixels alone give: no metadata, no file size, no trace of the container. numpy only.

Everything is measured on tiles, whatever the size of the picture, so that the time is bounded. Colours, brightness and
contrast describe content, and the history of JPEG saves describes the file: both are left out on purpose, since a
model would learn them first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from . import residuals, spectra
from .basics import FEATURE_VERSION

VERSION = FEATURE_VERSION
SMALLEST_SIDE = 128
_TILE = 256
_GRID = 8
_PRINT = (8, 9)
_PRINTED = 256  # pixels of the shorter side that a fingerprint looks at
_COLOURS = 3

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]


class TooSmall(ValueError):  # noqa: N818  nothing is in error
    """The picture is too small to be measured; `str()` is a clause that says so."""


def extract(pixels: Pixels) -> dict[str, float]:
    """All features of an upright sRGB picture, height x width x 3. Raises `TooSmall`; `ValueError` for other arrays.

    Every value is finite. The names are those of `names()`, in that order; the group stands before the dot.
    """
    if pixels.ndim != _COLOURS or pixels.shape[2] != _COLOURS or pixels.dtype != np.uint8:
        msg = f"pixels must be uint8 of height x width x 3, not {pixels.dtype} of {pixels.shape}"
        raise ValueError(msg)
    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        msg = f"it is smaller than {SMALLEST_SIDE} pixels a side"
        raise TooSmall(msg)
    return _measure(tiles(pixels))


def tiles(pixels: Pixels) -> list[Plane]:
    """The centre and four places around it, on the grid of 8; fewer, and smaller ones, of a small picture."""
    height, width = pixels.shape[:2]
    side = min(_TILE, height, width) // _GRID * _GRID
    rows, columns = _places(height, side), _places(width, side)
    middle, corners = (rows[1], columns[1]), [(row, column) for row in rows[::2] for column in columns[::2]]
    places = sorted({middle, *corners}) if len(rows) * len(columns) > 1 else [middle]
    return [pixels[row : row + side, column : column + side].astype(np.float32) for row, column in places]


def _places(length: int, side: int) -> list[int]:
    """Where tiles begin: before, in, and behind the middle."""
    free = length - side
    return [int(free * share) // _GRID * _GRID for share in (0.25, 0.5, 0.75)]


def _measure(samples: list[Plane]) -> dict[str, float]:
    grey = [residuals.luma(tile) for tile in samples]
    found = {
        **spectra.block_energies(grey),
        **spectra.radial(grey),
        **spectra.peaks(grey),
        **residuals.phases(grey),
        **residuals.differences(grey),
        **residuals.co_occurrences(grey),
        **residuals.noise(samples, grey),
    }
    return {name: float(value) if np.isfinite(value) else 0.0 for name, value in found.items()}


@cache
def names() -> tuple[str, ...]:
    """The names of all features, in the order in which they are stored."""
    blank = np.random.default_rng(0).integers(0, 256, (SMALLEST_SIDE, SMALLEST_SIDE, _COLOURS), dtype=np.uint8)
    return tuple(extract(blank))


def vector(features: Mapping[str, float]) -> NDArray[np.float64]:
    """In the order of `names`. Raises `ValueError` when one is missing or no finite number."""
    try:
        values = np.array([float(features[name]) for name in names()])
    except (KeyError, TypeError) as problem:
        msg = f"the features are incomplete ({problem})"
        raise ValueError(msg) from problem
    if not np.isfinite(values).all():
        msg = "a feature is no finite number"
        raise ValueError(msg)
    return values


def mean(frames: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The features of a clip: the mean of its frames'. Raises `ValueError` when there is none."""
    rows = [vector(frame) for frame in frames]
    if not rows:
        msg = "there is no frame"
        raise ValueError(msg)
    return dict(zip(names(), np.mean(rows, axis=0).tolist(), strict=True))


def fingerprint(pixels: Pixels) -> str:
    """64 bits as hex, of which near duplicates differ in few: the difference hash of a 9 x 8 reduction.

    Not a feature; it keeps pictures that are made of each other on one side of every split.
    """
    step = max(1, min(pixels.shape[:2]) // _PRINTED)
    grey = residuals.luma(pixels[::step, ::step].astype(np.float32))
    rows, columns = (np.linspace(0, n, parts + 1).astype(int) for n, parts in zip(grey.shape, _PRINT, strict=True))
    small = np.add.reduceat(np.add.reduceat(grey, rows[:-1], axis=0), columns[:-1], axis=1)
    small /= np.outer(np.diff(rows), np.diff(columns))
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()
