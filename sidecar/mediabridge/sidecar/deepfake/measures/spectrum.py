"""The spectrum of the finest detail: where up-sampling treats rows and columns unevenly, as transposed convolutions of
some generators do, regular peaks are left in it.

Durall et al., "Watch your Up-Convolution", CVPR 2020; Frank et al., "Leveraging Frequency Analysis", ICML 2020.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mediabridge.sidecar.deepfake.evidence import Evidence, Picture
from mediabridge.sidecar.deepfake.steps import CROP

from .pixels import Levels, Pixels
from .plan import png

ID = "spectrum"
_TILE = 128
METHOD = (
    f"mean power spectrum of {_TILE}x{_TILE} tiles of the luminance's finest detail, from at most {CROP}x{CROP} "
    "pixels of the middle, not resized; peaks against the median of their neighbours"
)
CAVEAT = (
    "Screens, prints, fabrics, sharpening and the grid of JPEG make peaks as well (those at multiples of 1/8 are left "
    "out for JPEG files, and with them those of up-sampling by 2 and 4). Most generators leave none. "
    "No peak means nothing."
)
READS_AS = (
    "The middle is coarse detail, the rim the finest; single bright dots away from the middle are regular patterns."
)
_AROUND = 4  # bins each way, for a peak's neighbours
_COARSE = 1 / 16  # cycles a pixel, below which nothing is a peak
_LEAST_DB = 8.0
_MOST_PEAKS = 8


def measure(pixels: Pixels) -> tuple[Evidence, Picture | None]:
    """The spectrum as a picture, and its peaks."""
    levels = np.asarray(pixels.middle().convert("L"), dtype=np.float32)
    if min(levels.shape) < 2 * _TILE:
        return Evidence(ID, "measurement", "not_applicable", "Not applicable: it is too small.", METHOD, CAVEAT), None
    power = spectrum(levels)
    found = peaks(power, without_grid=pixels.is_jpeg)
    value = {"peaks": found}
    if found:
        plainest = found[0]["decibels"]
        words = f"The finest detail has {len(found)} regular component(s), the plainest {plainest:g} dB above the rest."
        piece = Evidence(ID, "measurement", "found", words, METHOD, CAVEAT, "neutral", "weak", value)
    else:
        words = "The finest detail shows no regular component."
        piece = Evidence(ID, "measurement", "none", words, METHOD, CAVEAT, value=value)
    return piece, _shown(pixels, power)


def spectrum(levels: Levels) -> Levels:
    """Power in decibels, zero frequency in the middle: 128 x 128."""
    padded = np.pad(levels, 1, mode="edge")
    across = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    detail = levels - (across[:-2] + across[1:-1] + across[2:]) / 9
    rows, columns = (side // _TILE for side in detail.shape)
    tiles = detail[: rows * _TILE, : columns * _TILE].reshape(rows, _TILE, columns, _TILE).swapaxes(1, 2)
    window = np.hanning(_TILE).astype(np.float32)
    waves = np.fft.rfft2(tiles.reshape(-1, _TILE, _TILE) * window[:, None] * window[None, :])
    power = np.log10((np.abs(waves) ** 2).mean(axis=0) + 1e-3) * 10
    return _both_halves(power.astype(np.float32))


def _both_halves(half: Levels) -> Levels:
    """The whole spectrum of real values from its right half, zero frequency in the middle."""
    mirrored = np.roll(half[::-1, ::-1], 1, axis=0)  # (-y, -x) has the power of (y, x)
    whole = np.concatenate([half, mirrored[:, 1:-1]], axis=1)
    return np.fft.fftshift(whole)


def peaks(power: Levels, *, without_grid: bool) -> list[dict[str, Any]]:
    """`x`, `y` in cycles a pixel (the upper half-plane), `decibels` above the neighbours; the plainest first."""
    above = power - _around(power)
    frequency = (np.arange(_TILE) - _TILE // 2) / _TILE
    y, x = np.meshgrid(frequency, frequency, indexing="ij")
    candidates = (above >= _LEAST_DB) & (np.hypot(x, y) > _COARSE) & ((y < 0) | ((y == 0) & (x < 0)))
    if without_grid:
        candidates &= ~(_on_grid(x) & _on_grid(y))
    places = sorted(zip(*np.nonzero(candidates), strict=True), key=lambda at: -above[at])[:_MOST_PEAKS]
    return [
        {"x": round(float(x[at]), 4), "y": round(float(-y[at]), 4), "decibels": round(float(above[at]), 1)}
        for at in places
    ]


def _on_grid(frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Within a bin of a multiple of 1/8."""
    on: npt.NDArray[np.bool_] = np.abs(frequency * 8 - np.rint(frequency * 8)) <= 8 / _TILE
    return on


def _around(power: Levels) -> Levels:
    """The largest of the medians of the square, the row and the column around: edges make whole lines bright."""
    side = 2 * _AROUND + 1
    padded = np.pad(power, _AROUND, mode="wrap")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    square = np.median(windows.reshape(*power.shape, side * side), axis=2)
    row, column = np.median(windows[:, :, _AROUND, :], axis=2), np.median(windows[:, :, :, _AROUND], axis=2)
    around: Levels = np.maximum(np.maximum(square, row), column)
    return around


def _shown(pixels: Pixels, power: Levels) -> Picture:
    low, high = np.percentile(power, (1, 99.9))
    grey = (np.clip((power - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    shown = pixels.turned(Image.fromarray(grey))
    return Picture(ID, shown.width, shown.height, 0, READS_AS, png(shown))
