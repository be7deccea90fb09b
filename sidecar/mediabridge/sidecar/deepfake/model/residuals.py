"""What is left of a picture when its content is taken away: noise, and how neighbours depend on each other.

Sources: co-occurrences of residuals, Fridrich and Kodovsky 2012 (SRM); neighbouring pixels, Tan et al. 2024 (NPR,
arXiv 2312.10461).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_LITTLE = 1e-6
_PERIODS = (2, 3, 4)
_REACH = 2  # residuals are cut off there: five levels
_LEVELS = 2 * _REACH + 1
_BLOCK = 16
_QUANTILES = (10, 25, 50, 75, 90)


def luma(tile: Plane) -> Plane:
    """Grey of BT.601."""
    grey: Plane = tile @ _LUMA
    return grey


def phases(grey: Sequence[Plane]) -> dict[str, float]:
    """Whether differences of neighbours depend on their place in a grid of 2, 3 or 4 pixels: a trace of up-sampling."""
    found = {}
    for axis, name in ((1, "across"), (0, "down")):
        lines = [np.abs(np.diff(tile, axis=axis)).mean(1 - axis) for tile in grey]
        for period in _PERIODS:
            length = len(lines[0]) // period * period
            by_phase = np.mean([line[:length].reshape(-1, period).mean(0) for line in lines], axis=0)
            waves = np.abs(np.fft.rfft(by_phase))
            for at in range(1, period // 2 + 1):
                found[f"phase.{name}{period}_{at}"] = float(np.log(waves[at] / (waves[0] + _LITTLE) + 1e-4))
    return found


def differences(grey: Sequence[Plane]) -> dict[str, float]:
    """Pixels of a block of 2 x 2 against each other, and against the next block."""
    inside, between, even = [], [], []
    for tile in grey:
        a, b, c, d = tile[::2, ::2], tile[::2, 1::2], tile[1::2, ::2], tile[1::2, 1::2]
        inside.append([np.abs(b - a).mean(), np.abs(c - a).mean(), np.abs(d - a).mean(), np.abs(d - b - c + a).mean()])
        between.append([np.abs(a[:, 1:] - b[:, :-1]).mean(), np.abs(a[1:] - c[:-1]).mean()])
        even.append([(np.abs(b - a) < 1).mean(), (np.abs(c - a) < 1).mean()])
    one, two, flat = (np.mean(values, axis=0) for values in (inside, between, even))
    level = float(one[:2].mean()) + _LITTLE
    return {
        "npr.diagonal": float(np.log(one[2] / level + _LITTLE)),
        "npr.twist": float(np.log(one[3] / level + _LITTLE)),
        "npr.across": float(np.log((one[0] + _LITTLE) / (two[0] + _LITTLE))),
        "npr.down": float(np.log((one[1] + _LITTLE) / (two[1] + _LITTLE))),
        "npr.evenAcross": float(flat[0]),
        "npr.evenDown": float(flat[1]),
    }


def co_occurrences(grey: Sequence[Plane]) -> dict[str, float]:
    """How often three residuals in a row take which values, of two filters; mirrored and negated ones count as one."""
    counts = np.zeros((2, _LEVELS**3))
    for tile in grey:
        second = tile[:, :-2] - 2 * tile[:, 1:-1] + tile[:, 2:]
        down = tile[:-2] - 2 * tile[1:-1] + tile[2:]
        square = second[:-2] - 2 * second[1:-1] + second[2:]
        counts[0] += _triples(second / 2) + _triples(down.T / 2)
        counts[1] += _triples(square / 4) + _triples(square.T / 4)
    shares = counts / counts.sum(1, keepdims=True)
    label, number = _classes()
    found = {}
    for name, row in zip(("second", "square"), shares, strict=True):
        for at, share in enumerate(np.bincount(label, row, number)):
            found[f"srm.{name}{at:02d}"] = float(np.log(share + 1e-4))
    return found


def _triples(residual: NDArray[Any]) -> NDArray[np.float64]:
    levels = (np.clip(np.rint(residual), -_REACH, _REACH) + _REACH).astype(np.int16)
    codes = levels[:, :-2] * (_LEVELS * _LEVELS) + levels[:, 1:-1] * _LEVELS + levels[:, 2:]
    return np.bincount(codes.ravel(), minlength=_LEVELS**3).astype(np.float64)


@cache
def _classes() -> tuple[NDArray[np.intp], int]:
    """For each triple, which class it is of; a picture that is mirrored or negated has the same classes."""
    triples = list(product(range(-_REACH, _REACH + 1), repeat=3))
    leaders = [min(one, one[::-1], _negated(one), _negated(one)[::-1]) for one in triples]
    numbers = {leader: at for at, leader in enumerate(sorted(set(leaders)))}
    return np.array([numbers[leader] for leader in leaders]), len(numbers)


def _negated(triple: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-value for value in triple)


def noise(samples: Sequence[Plane], grey: Sequence[Plane]) -> dict[str, float]:
    """How strong the noise is from place to place, how heavy its tails, and how alike in the three colours."""
    rest = [_rest(tile) for tile in grey]
    levels = np.log(np.concatenate([_block_levels(one) for one in rest]) + 0.05)
    spread = np.percentile(levels, _QUANTILES)
    found = {f"noise.level{share}": value for share, value in zip(_QUANTILES, spread, strict=True)}
    flat = np.concatenate([one.ravel() for one in rest]).astype(np.float64)
    found["noise.tails"] = float(np.log((flat**4).mean() / ((flat**2).mean() + _LITTLE) ** 2 + _LITTLE))
    found["noise.next"] = float(np.mean([(one[:, 1:] * one[:, :-1]).mean() / (one.var() + _LITTLE) for one in rest]))
    colours = [np.stack([_rest(tile[..., at]).ravel() for at in range(3)]) for tile in samples]
    of_all = np.concatenate(colours, axis=1)
    for name, (one, two) in {"redGreen": (0, 1), "greenBlue": (1, 2), "redBlue": (0, 2)}.items():
        bottom = np.sqrt((of_all[one] ** 2).mean() * (of_all[two] ** 2).mean()) + _LITTLE
        found[f"noise.{name}"] = float((of_all[one] * of_all[two]).mean() / bottom)
    return found


def _rest(plane: Plane) -> Plane:
    """Without what the four neighbours foretell."""
    around = plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]
    rest: Plane = (plane[1:-1, 1:-1] - around / 4).astype(np.float32)
    return rest


def _block_levels(rest: Plane) -> NDArray[np.float32]:
    rows, columns = (side // _BLOCK for side in rest.shape)
    blocks = rest[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    levels: NDArray[np.float32] = blocks.std((1, 3)).ravel().astype(np.float32)
    return levels
