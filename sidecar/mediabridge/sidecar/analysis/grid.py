"""Finds an earlier, coarser JPEG compression in the DCT coefficients of a later one. Pure (numpy).

For each quality that an earlier save may have had, the values are listed that no coefficient could have after it; where
these gaps, which an undisturbed histogram would fill, are empty in several frequencies at once, the save took place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .tables import ZIGZAG, scaled

Levels = npt.NDArray[np.float64]
_FREQUENCIES = range(
    1, 16
)  # in zigzag order, without the first (brightness): those with enough values that are not zero
_QUALITIES = range(30, 98)
_REACH = 40  # quantised values up to this size are counted
_ROUNDING = 1.3  # how far the pixels' own rounding moves a coefficient, at most in practice
_LEAST_EXPECTED = 40.0  # values in the gaps of a frequency, below which it tells nothing
_LEAST_FREQUENCIES = 4
_EMPTY = 0.12  # share of the expected values that may be in the gaps after all
_LEAST_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier save: its quality on the IJG scale, and how plain the trace is."""

    quality: int
    frequencies: int  # that show it
    empty_share: float  # values in the gaps / values expected there
    expected: float


def earlier_save(levels: Levels, table: list[int]) -> Earlier | None:
    """The earlier save whose gaps are the plainest; None when there is no trace. `table` is in zigzag order."""
    blocks = coefficients(levels)
    if len(blocks) < _LEAST_BLOCKS:
        return None
    steps = [max(step, 1) for step in table]  # a broken table may hold zeros
    counts = {i: _histogram(blocks, i, steps[i]) for i in _FREQUENCIES}
    found = [one for quality in _QUALITIES if (one := _trace(counts, steps, quality))]
    return max(found, key=lambda one: one.expected * (1 - one.empty_share / _EMPTY), default=None)


def coefficients(levels: Levels) -> Levels:
    """The 8x8 DCT-II (orthonormal, as JPEG's) of all blocks: blocks x 8 x 8."""
    height, width = levels.shape[0] // 8 * 8, levels.shape[1] // 8 * 8
    blocks = levels[:height, :width].reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 8, 8) - 128
    wave = np.cos(np.pi * (2 * np.arange(8)[None, :] + 1) * np.arange(8)[:, None] / 16) / 2
    wave[0] /= np.sqrt(2)
    transformed: Levels = wave @ blocks @ wave.T
    return transformed


def _histogram(blocks: Levels, index: int, step: int) -> Levels:
    """How often each quantised size 0 .. _REACH occurs in a frequency."""
    row, column = ZIGZAG[index]
    sizes = np.abs(np.rint(blocks[:, row, column] / step)).astype(int)
    return np.bincount(sizes[sizes <= _REACH], minlength=_REACH + 1).astype(float)


def _trace(counts: dict[int, Levels], table: list[int], quality: int) -> Earlier | None:
    before = scaled(quality)
    shown, expected, observed = 0, 0.0, 0.0
    for i, histogram in counts.items():
        gaps = _gaps(before[i], table[i])
        if gaps.any():
            usual = float(_usual(histogram, before[i] / table[i])[gaps].sum())
            if usual >= _LEAST_EXPECTED:
                shown, expected, observed = shown + 1, expected + usual, observed + float(histogram[gaps].sum())
    if shown < _LEAST_FREQUENCIES or observed > _EMPTY * expected:
        return None
    return Earlier(quality, shown, observed / expected, expected)


def _gaps(before: int, now: int) -> npt.NDArray[np.bool_]:
    """Which sizes 1 .. _REACH no multiple of the step `before` is rounded to by the step `now`."""
    sizes = np.arange(_REACH + 1)
    if before <= now:
        return np.zeros(_REACH + 1, dtype=bool)
    value = sizes * now
    off = np.abs(value - np.rint(value / before) * before)
    gaps: npt.NDArray[np.bool_] = (off > now / 2 + _ROUNDING) & (sizes > 0)
    return gaps


def _usual(histogram: Levels, ratio: float) -> Levels:
    """What would be in a gap: the smaller of the means over one period before and after it.

    An undisturbed histogram falls, so that there it is never more than what is in it: a steep end is no gap.
    """
    period = min(int(np.ceil(ratio)), _REACH)
    before = np.concatenate([np.repeat(histogram[:1], period), histogram[:-1]])
    after = np.concatenate([histogram[1:], np.zeros(period)])
    window = np.ones(period) / period
    return np.minimum(np.convolve(before, window, "valid"), np.convolve(after, window, "valid"))
