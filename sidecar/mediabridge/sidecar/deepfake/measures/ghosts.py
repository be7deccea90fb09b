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
    "Smooth places can hardly tell. Saved twice is ordinary; a ghost of a part alone is worth a look."
)
READS_AS = (
    "Bright has a trace of an earlier save at one of the qualities tried; black has none, white a perfect one. Single "
    "grey dots come by chance."
)
_BLOCK, _UNIT = 16, 8  # _UNIT: of JPEG
_DEPTH = 0.35  # of a dip below its neighbours, from which on it counts
_LEAST_ERROR = 0.5  # mean squared difference at the neighbours, below which a block is too smooth to tell
_STEP = 2.5  # grey levels: of the brightness of an 8x8 square at the lowest quality tried
_PART, _WHOLE = 0.02, 0.5  # share of the blocks that can tell
_PLAINER = 3.0  # times the share of any other quality: dips that come by chance are spread over many
_LEAST_BLOCKS = 16
_LEAST_DIPS = 8  # blocks: of a small picture, a few that dip by chance are a large share
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
    others = max((part for one, part in shares.items() if one != quality), default=0.0)
    dipping = int((depths[[one == quality for one in QUALITIES[1:-1]]] > _DEPTH).sum())
    plain = share >= max(_PART, _PLAINER * others) and dipping >= _LEAST_DIPS
    piece = _judged(value, quality if plain else None, share, int(telling.any(axis=0).sum()))
    strongest = np.where(telling.any(axis=0), depths.max(axis=0), 0).clip(0)
    whole = box[:2] == (0, 0) and box[2] + 8 > pixels.size[0] and box[3] + 8 > pixels.size[1]
    reads_as = (
        READS_AS if whole else f"{READS_AS} It shows the middle {box[2] - box[0]}x{box[3] - box[1]} pixels alone."
    )
    return piece, plan(pixels, ID, strongest, _BLOCK, reads_as, white=1.0)


def _judged(value: dict[str, object], quality: int | None, share: float, able: int) -> Evidence:
    """`quality`: None where none stands out; `able`: how many blocks change enough to tell."""
    if able < _LEAST_BLOCKS:
        words = "Not applicable: it is too smooth to tell."
        return Evidence(ID, "measurement", "not_applicable", words, METHOD, CAVEAT, value=value)
    if quality is None:
        words = f"No part shows a plain trace of an earlier save at a lower quality ({able} blocks can tell)."
        return Evidence(ID, "measurement", "none", words, METHOD, CAVEAT, value=value)
    where = "Most of the picture" if share >= _WHOLE else f"{share:.0%} of the blocks that can tell"
    words = f"{where} may have been saved at about quality {quality} once ({able} blocks can tell)."
    return Evidence(ID, "measurement", "found", words, METHOD, CAVEAT, "neutral", "weak", {**value, "quality": quality})


def differences(grey: Image.Image) -> Levels:
    """For each quality and block the mean squared difference: qualities x rows x columns.

    Of smooth blocks without that of the brightness of their 8x8 squares: all four lie on one level there, which fits
    the steps of some quality by chance, and so does that of the whole band around.
    """
    levels = np.asarray(grey, dtype=np.int16)
    smooth = _spread(block_means(levels, _UNIT)) < _STEP
    curves = []
    for quality in QUALITIES:
        with Image.open(again(grey, quality)) as saved:
            difference = np.asarray(saved, dtype=np.int16) - levels
        squared, brightness = block_means(difference * difference, _UNIT), block_means(difference, _UNIT) ** 2
        detail, whole = block_means(squared - brightness, 2), block_means(squared, 2)
        curves.append(np.where(smooth, detail, whole))
    return np.stack(curves)


def _spread(means: Levels) -> Levels:
    """How far the four 8x8 squares of each block are apart in brightness."""
    rows, columns = means.shape[0] // 2, means.shape[1] // 2
    four = means[: rows * 2, : columns * 2].reshape(rows, 2, columns, 2)
    spread: Levels = four.max(axis=(1, 3)) - four.min(axis=(1, 3))
    return spread


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
