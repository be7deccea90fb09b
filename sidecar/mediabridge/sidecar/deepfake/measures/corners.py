"""Corners of a picture, described by what lies around them, and which of them look the same. Pure (numpy)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .pixels import Levels

Points = npt.NDArray[np.intp]  # rows of (y, x)
_MOST = 3000
_REACH = 12  # pixels each way that a description covers
_STEP = 3  # pixels between two of its samples
_PEAK = 3  # pixels each way in which a corner is the strongest
_LEAST_CONTRAST = 6.0  # standard deviation of the samples, in grey levels
_LEAST_CORRELATION = 0.96
_RATIO = 0.6  # of the distance to the best match, to that of the second best (Lowe, IJCV 60, 2004)
_LEAST_SHIFT = 24  # pixels; a corner looks like itself close by
_ROWS = 500  # of the table of correlations that are held at once


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of corners that look the same: `at` and `shift` (y, x), one row a pair."""

    at: Points
    shift: Points


def matches(levels: Levels) -> Matches:
    """For each corner the one that looks the same, where there is exactly one."""
    smooth = _box(levels, 1)
    points = corners(levels)
    described, points = _described(smooth, points)
    at, to = _pairs(described, points)
    return Matches(points[at], points[to] - points[at])


def corners(levels: Levels) -> Points:
    """The strongest corners (Harris and Stephens, 1988), away from the rim."""
    dy: Levels = np.gradient(levels, axis=0)
    dx: Levels = np.gradient(levels, axis=1)
    a, b, c = _box(dx * dx, 2), _box(dy * dy, 2), _box(dx * dy, 2)
    strength = a * b - c * c - np.float32(0.05) * (a + b) ** 2
    rim = _REACH + 1
    strength[:rim], strength[-rim:], strength[:, :rim], strength[:, -rim:] = 0, 0, 0, 0
    places = np.nonzero((strength > 0) & (strength >= _largest_around(strength)))
    order = np.argsort(-strength[places], kind="stable")[:_MOST]
    return np.stack([places[0][order], places[1][order]], axis=1)


def _described(smooth: Levels, points: Points) -> tuple[Levels, Points]:
    """Samples around each point, of mean 0 and length 1; points with hardly any contrast are dropped."""
    offsets = np.arange(-_REACH, _REACH + 1, _STEP)
    ys = points[:, 0, None, None] + offsets[:, None]
    xs = points[:, 1, None, None] + offsets[None, :]
    samples = smooth[ys, xs].reshape(len(points), len(offsets) ** 2)
    samples = samples - samples.mean(axis=1, keepdims=True)
    kept = samples.std(axis=1) >= _LEAST_CONTRAST
    samples = samples[kept]
    return samples / np.linalg.norm(samples, axis=1, keepdims=True), points[kept]


def _pairs(described: Levels, points: Points) -> tuple[Points, Points]:
    at, to = [], []
    for start in range(0, len(points), _ROWS):
        rows = slice(start, start + _ROWS)
        alike = described[rows] @ described.T
        alike[_apart(points[rows], points) < _LEAST_SHIFT] = -1
        best = alike.argmax(axis=1)
        first = alike[np.arange(len(alike)), best]
        alike[_apart(points[best], points) <= _PEAK] = -1
        second = alike.max(axis=1) if alike.size else first
        plain = (first >= _LEAST_CORRELATION) & (np.sqrt(1 - np.minimum(first, 1)) < _RATIO * np.sqrt(1 - second))
        at.append(np.nonzero(plain)[0] + start)
        to.append(best[plain])
    none: Points = np.zeros(0, dtype=np.intp)
    return (np.concatenate(at), np.concatenate(to)) if at else (none, none)


def _apart(some: Points, others: Points) -> npt.NDArray[np.int32]:
    """The distance of each of one to each of the others, along the axis on which it is larger."""
    (y1, x1), (y2, x2) = some.T.astype(np.int32), others.T.astype(np.int32)
    apart: npt.NDArray[np.int32] = np.maximum(np.abs(y1[:, None] - y2), np.abs(x1[:, None] - x2))
    return apart


def _box(levels: Levels, reach: int) -> Levels:
    """The mean over a square of 2 * `reach` + 1 pixels a side."""
    side = 2 * reach + 1
    for axis in (0, 1):
        padded = np.pad(levels, [(reach + 1, reach) if one == axis else (0, 0) for one in (0, 1)], mode="edge")
        sums = np.cumsum(padded, axis=axis, dtype=np.float64)
        low, high = (np.take(sums, range(start, start + levels.shape[axis]), axis=axis) for start in (0, side))
        levels = ((high - low) / side).astype(np.float32)
    return levels


def _largest_around(levels: Levels) -> Levels:
    for axis in (0, 1):
        padded = np.pad(levels, [(_PEAK, _PEAK) if one == axis else (0, 0) for one in (0, 1)])
        parts = [np.take(padded, range(i, i + levels.shape[axis]), axis=axis) for i in range(2 * _PEAK + 1)]
        levels = np.maximum.reduce(parts)
    return levels
