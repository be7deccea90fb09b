"""The noise of each place: a spliced-in part often comes with another camera's (Immerkær, CVIU 64, 1996)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from mediabridge.sidecar.deepfake.evidence import Evidence, Picture

from .pixels import Levels, Pixels, block_means
from .plan import plan

ID = "noise"
METHOD = (
    "standard deviation of the noise in 32x32 blocks of the luminance, by the response to a Laplacian difference mask"
)
CAVEAT = (
    "Texture counts as noise, flat and overexposed places have none, and cameras smooth some places more than others. "
    "It shows where to look, not that anything was changed."
)
READS_AS = (
    "Bright is noisy or finely textured, dark is smooth. A place that differs from others of its kind is worth a look."
)
_BLOCK = 32
_STRIP = 512
_FACTOR = float(np.sqrt(np.pi / 2) / 6)  # of the mean absolute response, for white noise


def measure(pixels: Pixels) -> tuple[Evidence, Picture | None]:
    """The map and its figures."""
    if min(pixels.size) < 2 * _BLOCK:
        return Evidence(ID, "measurement", "not_applicable", "Not applicable: it is too small.", METHOD, CAVEAT), None
    found = deviations(pixels.grey)
    low, middle, high = (round(float(one), 3) for one in np.percentile(found, (10, 50, 90)))
    value = {"median": middle, "p10": low, "p90": high}
    words = f"The noise's standard deviation is {middle:g} in the median block, {low:g} to {high:g} in four of five."
    piece = Evidence(ID, "measurement", "found", words, METHOD, CAVEAT, "neutral", "weak", value)
    return piece, plan(pixels, ID, found, _BLOCK, READS_AS, unit="of 255")


def deviations(grey: Image.Image) -> Levels:
    """The noise's standard deviation, in grey levels, of each 32x32 block."""
    width, height = grey.size
    strips = []
    for top in range(0, height - _BLOCK + 1, _STRIP):
        cut = grey.crop((0, max(top - 1, 0), width, min(top + _STRIP + 1, height)))
        strips.append(_strip(np.asarray(cut, dtype=np.int16), ahead=int(top > 0)))
    return np.concatenate(strips)


def _strip(rows: npt.NDArray[np.int16], ahead: int) -> Levels:
    """`ahead`: rows of the strip before, which the mask needs."""
    padded = np.pad(rows, ((1 - ahead, 1), (1, 1)), mode="edge")
    across = padded[:, :-2] - 2 * padded[:, 1:-1] + padded[:, 2:]
    response = np.abs(across[:-2] - 2 * across[1:-1] + across[2:])
    return block_means(response[: response.shape[0] // _BLOCK * _BLOCK], _BLOCK) * np.float32(_FACTOR)
