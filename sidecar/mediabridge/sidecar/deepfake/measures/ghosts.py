"""JPEG ghosts: places that were once saved at a lower quality than the rest (Farid, IEEE TIFS 4, 2009).

Saved again at the very quality of its earlier save, such a place changes less than at the qualities next to it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from mediabridge.sidecar.deepfake.evidence import Evidence, Picture

from .error_levels import again
from .pixels import Levels, Pixels, block_means, middle_box
from .plan import plan

ID = "jpeg_ghosts"
QUALITIES = tuple(range(40, 96, 5))
SIDE = 1536
METHOD = (
    f"squared difference to copies saved at the qualities {QUALITIES[0]} to {QUALITIES[-1]} in steps of 5, in 16x16 "
    f"blocks of the luminance; at most {SIDE}x{SIDE} pixels from the middle, on the stored grid, not resized"
)
CAVEAT = (
    "It sees a place only when that was saved at a lower quality than the whole, on the same grid of 8x8 pixels. "
    "Smooth places show ghosts of any quality. Saved twice is ordinary; a ghost of a part alone is worth a look."
)
READS_AS = "Bright has a trace of an earlier save at one of the qualities tried; the brighter, the plainer."
_BLOCK = 16
_DEPTH = 0.35  # of a dip below its neighbours, from which on it counts
_LEAST_ERROR = 0.5  # mean squared difference at the neighbours, below which a block is too smooth to tell
_PART, _WHOLE = 0.02, 0.5  # share of the blocks that can tell
_LEAST_BLOCKS = 16
_OWN = 7  # qualities below the file's own that show its own save, not an earlier one


def measure(pixels: Pixels) -> tuple[Evidence, Picture | None]:
    """The map, and for each quality the share of blocks with a ghost."""
    box = middle_box(pixels.size, SIDE)
    curves = differences(pixels.grey.crop(box))
    if curves.shape[1] * curves.shape[2] < _LEAST_BLOCKS:
        return Evidence(ID, "measurement", "not_applicable", "Not applicable: it is too small.", METHOD, CAVEAT), None
    depths, telling = dips(curves)
    depths[[quality > (pixels.quality or 100) - _OWN for quality in QUALITIES[1:-1]]] = 0
    shares = shares_of(depths, telling)
    quality, share = max(shares.items(), key=lambda item: item[1], default=(0, 0.0))
    value: dict[str, object] = {
        "quality": None,
        "share": share,
        "shares": {str(one): part for one, part in shares.items()},
    }
    piece = _judged(value, quality, share, int(telling.any(axis=0).sum()))
    strongest = np.where(telling.any(axis=0), depths.max(axis=0), 0).clip(0)
    whole = box[:2] == (0, 0) and box[2] + 8 > pixels.size[0] and box[3] + 8 > pixels.size[1]
    reads_as = (
        READS_AS if whole else f"{READS_AS} It shows the middle {box[2] - box[0]}x{box[3] - box[1]} pixels alone."
    )
    return piece, plan(pixels, ID, strongest, _BLOCK, reads_as)


def _judged(value: dict[str, object], quality: int, share: float, able: int) -> Evidence:
    """`able`: how many blocks change enough to tell."""
    if able < _LEAST_BLOCKS:
        words = "Not applicable: it is too smooth to tell."
        return Evidence(ID, "measurement", "not_applicable", words, METHOD, CAVEAT, value=value)
    if share < _PART:
        words = f"No part shows the trace of an earlier save at a lower quality ({able} blocks can tell)."
        return Evidence(ID, "measurement", "none", words, METHOD, CAVEAT, value=value)
    where = "Most of the picture" if share >= _WHOLE else f"{share:.0%} of the blocks that can tell"
    words = f"{where} may have been saved at about quality {quality} once ({able} blocks can tell)."
    return Evidence(ID, "measurement", "found", words, METHOD, CAVEAT, "neutral", "weak", {**value, "quality": quality})


def differences(grey: Image.Image) -> Levels:
    """For each quality and block the mean squared difference: qualities x rows x columns."""
    levels = np.asarray(grey, dtype=np.int16)
    curves = []
    for quality in QUALITIES:
        with Image.open(again(grey, quality)) as saved:
            difference = np.asarray(saved, dtype=np.int16) - levels
        curves.append(block_means(difference * difference, _BLOCK))
    return np.stack(curves)


def dips(curves: Levels) -> tuple[Levels, npt.NDArray[np.bool_]]:
    """For each inner quality and block how far it lies below its neighbours (1: a copy without any change).

    And where the neighbours change enough for that to mean anything.
    """
    lower, higher = curves[:-2], curves[2:]
    beside = np.minimum(lower, higher)
    telling = beside > _LEAST_ERROR
    depths = np.where(telling, 1 - curves[1:-1] / np.maximum(beside, 1e-6), 0).astype(np.float32)
    return depths, telling


def shares_of(depths: Levels, telling: npt.NDArray[np.bool_]) -> dict[int, float]:
    """Inner quality -> the share of blocks with a plain dip there, of all that can tell at that quality."""
    shares = {}
    for number, quality in enumerate(QUALITIES[1:-1]):
        able = int(telling[number].sum())
        plain = int((depths[number] > _DEPTH).sum())
        shares[quality] = round(plain / able, 4) if able >= _LEAST_BLOCKS else 0.0
    return shares
