"""Compares the 16x16 grey levels of two pictures, as a whole and window by window. Pure (numpy)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mediabridge.sidecar.images.perceptual import LEVELS, PerceptualHash

_Grid = npt.NDArray[np.float64]
_ONE_TONE = 0.5  # of the levels; 2 of 115 photographs of the corpus have so many
_LEAST_PART, _SIZES, _PLACES = 0.6, 9, 5  # of a side that a crop leaves; windows that are tried


@lru_cache(4096)
def grid(hashed: PerceptualHash) -> _Grid:
    """The levels as a square of numbers around 0, of which the squares add up to 1."""
    packed = np.frombuffer(hashed.levels, np.uint8)
    values = np.empty(LEVELS * LEVELS)
    values[::2], values[1::2] = packed >> 4, packed & 15
    values -= values.mean()
    length = float(np.sqrt(values @ values))
    return (values / length if length else values).reshape(LEVELS, LEVELS)


@lru_cache(4096)
def is_drawn(hashed: PerceptualHash) -> bool:
    """Pages of text, icons, drawings: most of the picture has one tone. Of such, unlike ones have like hashes."""
    packed = np.frombuffer(hashed.levels, np.uint8)
    tones = np.bincount(packed >> 4, minlength=16) + np.bincount(packed & 15, minlength=16)
    return hashed.paper or bool(tones.max() >= _ONE_TONE * LEVELS * LEVELS)


def correlation(one: _Grid, other: _Grid) -> float:
    """Pearson's, -1 to 1: brightness and contrast do not matter. 0 for a grid without contrast."""
    return float(np.vdot(one, other))


def best_window(whole: _Grid, part: _Grid) -> tuple[float, float]:
    """How well the part fits into the whole's best window: correlation, and the window's share of the area."""
    windows = _rows() @ whole @ _columns()
    flat = windows.reshape(len(windows), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    lengths = np.sqrt((flat * flat).sum(axis=1))
    fits = (flat @ part.ravel()) / np.where(lengths > 0, lengths, np.inf)
    best = int(fits.argmax())
    return float(fits[best]), _shares()[best]


@lru_cache(1)
def _windows() -> list[tuple[float, float, float, float]]:
    """(left, width, top, height) as parts of a side; both sides are cut alike, or one of them alone."""
    sizes = np.linspace(_LEAST_PART, 1.0, _SIZES)
    pairs = {(size, size) for size in sizes} | {(size, 1.0) for size in sizes} | {(1.0, size) for size in sizes}
    places = np.linspace(0.0, 1.0, _PLACES)
    return sorted(
        {((1 - width) * x, width, (1 - height) * y, height) for width, height in pairs for x in places for y in places}
    )


@lru_cache(1)
def _columns() -> _Grid:
    return np.stack([_sampling(left, width).T for left, width, _, _ in _windows()])


@lru_cache(1)
def _rows() -> _Grid:
    return np.stack([_sampling(top, height) for _, _, top, height in _windows()])


@lru_cache(1)
def _shares() -> list[float]:
    return [float(width * height) for _, width, _, height in _windows()]


def _sampling(start: float, length: float) -> _Grid:
    """A matrix that reads a window of a row at LEVELS places, linearly between neighbours."""
    places = (start + length * (np.arange(LEVELS) + 0.5) / LEVELS) * LEVELS - 0.5
    places = np.clip(places, 0, LEVELS - 1)
    left = np.minimum(places.astype(int), LEVELS - 2)
    matrix = np.zeros((LEVELS, LEVELS))
    matrix[np.arange(LEVELS), left] = 1 - (places - left)
    matrix[np.arange(LEVELS), left + 1] = places - left
    return matrix
