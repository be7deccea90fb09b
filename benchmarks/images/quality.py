"""PSNR and SSIM against one full decode and Pillow's own Lanczos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

_BOX = 8  # pixels a side of SSIM's window
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # Wang et al. 2004, section III


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """In decibels, over all channels."""
    return float(10 * np.log10(255**2 / max(np.mean((one - other) ** 2), 1e-9)))


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Of the luma, in windows that do not overlap."""
    x, y = (_blocks(picture @ np.array([0.299, 0.587, 0.114])) for picture in (one, other))
    mean_x, mean_y = x.mean(-1), y.mean(-1)
    covariance = (x * y).mean(-1) - mean_x * mean_y
    above = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    below = (mean_x**2 + mean_y**2 + _C1) * (x.var(-1) + y.var(-1) + _C2)
    return float((above / below).mean())


def _blocks(luma: np.ndarray) -> np.ndarray:
    height, width = (side // _BOX * _BOX for side in luma.shape)
    cut = luma[:height, :width].reshape(height // _BOX, _BOX, width // _BOX, _BOX)
    return cut.swapaxes(1, 2).reshape(height // _BOX, width // _BOX, -1)


def compare(source: Path, made: Path) -> tuple[float, float]:
    """PSNR and SSIM of one derived picture."""
    got = Image.open(made).convert("RGB")
    best = Image.open(source).convert("RGB").resize(got.size, Image.Resampling.LANCZOS)
    one, other = (np.asarray(picture, dtype=float) for picture in (best, got))
    return psnr(one, other), ssim(one, other)
