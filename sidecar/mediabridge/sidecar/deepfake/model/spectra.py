"""What frequencies say of how pixels were made: a decoder that up-samples leaves its grid there.

Sources: block DCT, Frank et al. 2020 (arXiv 2003.08685); radial spectrum, Durall et al. 2020 (arXiv 2003.01826).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
_BLOCK = 8
_SHIFT = 4  # off the grid of JPEG: what is seen there is the file's history rather than the picture's
_LITTLE = 1e-6
_BINS = 24
_KURTOSES = 10
_PERIODS = (2, 4)  # not 8: that is the grid of JPEG


def block_energies(grey: Sequence[Plane]) -> dict[str, float]:
    """Logarithm of the mean magnitude of each coefficient against all of them, and how heavy the tails are."""
    found = np.concatenate([_coefficients(tile) for tile in grey])
    size: NDArray[np.float64] = np.log(np.abs(found).mean(0, dtype=np.float64) + _LITTLE)[1:]
    tails = _kurtosis(found)[1 : _KURTOSES + 1]
    relative = size - size.mean()
    named = {f"dct.energy{at + 1:02d}": value for at, value in enumerate(relative)}
    return named | {f"dct.tails{at + 1:02d}": value for at, value in enumerate(np.log(tails))}


def _coefficients(tile: Plane) -> NDArray[np.float32]:
    """Blocks x 64, zigzag."""
    inner = tile[_SHIFT : _SHIFT - _BLOCK, _SHIFT : _SHIFT - _BLOCK]
    rows, columns = (side // _BLOCK for side in inner.shape)
    blocks = inner.reshape(rows, _BLOCK, columns, _BLOCK).transpose(0, 2, 1, 3).reshape(-1, _BLOCK, _BLOCK)
    matrix = _dct()
    return (matrix @ blocks @ matrix.T).reshape(-1, _BLOCK * _BLOCK)[:, _zigzag()].astype(np.float32)


@cache
def _dct() -> NDArray[np.float32]:
    at = np.arange(_BLOCK)
    matrix: NDArray[np.float64] = np.sqrt(2 / _BLOCK) * np.cos(np.pi * (2 * at + 1) * at[:, None] / (2 * _BLOCK))
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


@cache
def _zigzag() -> NDArray[np.intp]:
    row, column = np.divmod(np.arange(_BLOCK * _BLOCK), _BLOCK)
    order: NDArray[np.intp] = np.lexsort((column, row + column))
    return order


def _kurtosis(values: NDArray[np.float32]) -> NDArray[np.float64]:
    centred = (values - values.mean(0)).astype(np.float64)
    square = (centred**2).mean(0) + _LITTLE
    tails: NDArray[np.float64] = (centred**4).mean(0) / square**2 + _LITTLE
    return tails


def radial(grey: Sequence[Plane]) -> dict[str, float]:
    """The logarithm of the power by distance from the middle of the spectrum, against its mean."""
    power = _power(grey)
    ring = _rings(power.shape[0])
    total = np.bincount(ring.ravel(), power.ravel(), _BINS + 1) / np.maximum(np.bincount(ring.ravel()), 1)
    levels = np.log(total[:_BINS] + _LITTLE)
    return {f"radial.ring{at:02d}": value for at, value in enumerate(levels - levels.mean())}


def peaks(grey: Sequence[Plane]) -> dict[str, float]:
    """How far the spectrum stands out where a grid of period 2 or 4 puts its energy, along, across and diagonal."""
    power = _power(grey)
    ring = _rings(power.shape[0])
    mean = np.bincount(ring.ravel(), power.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    white = np.log((power + _LITTLE) / (mean[ring] + _LITTLE))
    side = power.shape[0]
    found = {}
    for period in _PERIODS:
        at = side // period
        for name, row, column in (("across", 0, at), ("down", at, 0), ("both", at, at)):
            around = np.roll(white, (2 - row, 2 - column), (0, 1))[:5, :5]
            found[f"peaks.{name}{period}"] = float(around[1:4, 1:4].max() - np.median(around))
    return found


def _power(grey: Sequence[Plane]) -> NDArray[np.float64]:
    """The mean power spectrum of the tiles, each without its mean and under a window."""
    side = grey[0].shape[0]
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    spectra = [np.abs(np.fft.fft2((tile - tile.mean()) * window)) ** 2 for tile in grey]
    mean: NDArray[np.float64] = np.mean(spectra, axis=0, dtype=np.float64) / side**2
    return mean


@cache
def _rings(side: int) -> NDArray[np.intp]:
    """The ring of each frequency; those beyond the highest one of a row share the last."""
    frequency = np.fft.fftfreq(side)
    distance = np.hypot(frequency, frequency[:, None])
    rings: NDArray[np.intp] = np.minimum((distance * 2 * _BINS).astype(np.intp), _BINS)
    return rings
