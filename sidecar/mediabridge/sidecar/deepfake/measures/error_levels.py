"""Error levels: how much each place changes when the picture is saved as JPEG once more (Krawetz, 2007)."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageChops

from mediabridge.sidecar.deepfake.evidence import Evidence, Picture

from .pixels import Levels, Pixels, block_means
from .plan import plan

ID = "error_levels"
QUALITY = 90
METHOD = (
    f"mean difference to a copy saved as JPEG at quality {QUALITY}, in 8x8 blocks of the stored picture, not resized"
)
CAVEAT = (
    "Edges and fine texture are always bright, and every further save evens the map out. On 42 real edits such maps "
    "found the edited place less often than a guess at the centre did. It is for eyes that know it, not for a verdict."
)
READS_AS = "Bright changes more when it is saved again; edges and texture are always bright. Compare like with like."
_BLOCK = 8
_STRIP = 512  # rows at a time: a multiple of the 16 of a JPEG's unit
_MANY_TIMES = 3.0


def measure(pixels: Pixels) -> tuple[Evidence, Picture | None]:
    """The map and its figures."""
    found = levels(pixels.stored)
    if not found.size:
        return Evidence(ID, "measurement", "not_applicable", "Not applicable: it is too small.", METHOD, CAVEAT), None
    middle = float(np.median(found))
    value = {
        "median": round(middle, 3),
        "p95": round(float(np.percentile(found, 95)), 3),
        "largest": round(float(found.max()), 3),
        "brightShare": round(float((found > _MANY_TIMES * max(middle, 0.1)).mean()), 4),
    }
    words = (
        f"The median block changes by {value['median']:g} of 255, the brightest twentieth by {value['p95']:g} or more; "
        "the map shows where."
    )
    piece = Evidence(ID, "measurement", "found", words, METHOD, CAVEAT, "neutral", "weak", value)
    return piece, plan(pixels, ID, found, _BLOCK, READS_AS, unit="of 255")


def levels(stored: Image.Image, quality: int = QUALITY) -> Levels:
    """The mean difference (0 to 255) of each 8x8 block."""
    width, height = stored.size
    strips = [
        _strip(stored.crop((0, top, width, min(top + _STRIP, height))), quality) for top in range(0, height, _STRIP)
    ]
    return np.concatenate(strips)


def _strip(strip: Image.Image, quality: int) -> Levels:
    with Image.open(again(strip, quality)) as saved:
        difference = ImageChops.difference(strip, saved.convert(strip.mode))
    return block_means(np.asarray(difference.convert("L")), _BLOCK)


def again(picture: Image.Image, quality: int) -> io.BytesIO:
    """The picture as a JPEG."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    out.seek(0)
    return out
