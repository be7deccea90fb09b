"""Copy-move: one part of the picture pasted over another, with the places of both.

Corners that look the same vote for a shift; the shifts with the most votes are tried over the whole picture, and what
is the same under one of them, place by place, is the copied part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mediabridge.sidecar.deepfake.evidence import Evidence, Picture

from .corners import Matches, matches
from .pixels import Levels, Pixels, block_means
from .plan import plan

ID = "copy_move"
MOST_SIDE = 1400
METHOD = (
    f"corners that look alike (at most {MOST_SIDE} pixels a side, reduced by a whole number), votes for shifts, "
    "comparison of the picture with itself under each"
)
CAVEAT = (
    "Real repetition – windows, tiles, text, logos – looks the same. A copy that was turned, resized or has no "
    "texture (sky) is not found."
)
READS_AS = "White is a place that occurs twice: both the original and the copy of each pair."
_BLOCK = 8
_LEAST_VOTES = 8
_MOST_SHIFTS = 8
_NEAR = 2  # pixels that votes for one shift may differ
_LEAST_BLOCKS = 40  # of a copied part
_TEXTURE = 2.5  # standard deviation of a block, below which it is like too much else
_LIKE = 0.4  # of a block's standard deviation that the two places may differ by
_MOST_REGIONS = 10
_MOST_OVERLAP = 0.3  # of a part with its twin: an edge or a pattern is like itself further on

Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Copied:
    """A part that occurs twice: its box (left, top, right, bottom), the shift (y, x) to the other, votes, mask."""

    box: Box
    shift: tuple[int, int]
    votes: int
    mask: Mask


def measure(pixels: Pixels) -> tuple[Evidence, Picture | None]:
    """The parts that occur twice, as boxes in pixels of the upright picture."""
    scale = -(-max(pixels.size) // MOST_SIDE)
    grey = pixels.grey.reduce(scale) if scale > 1 else pixels.grey
    levels = np.asarray(grey, dtype=np.float32)
    if min(levels.shape) < 8 * _BLOCK:
        return Evidence(ID, "measurement", "not_applicable", "Not applicable: it is too small.", METHOD, CAVEAT), None
    parts = copies(levels)
    if not parts:
        words = "No part of the picture was found twice."
        return Evidence(ID, "measurement", "none", words, METHOD, CAVEAT, value={"regions": []}), None
    regions = [_region(pixels, part, scale) for part in parts]
    words = f"{len(parts)} part(s) of the picture occur twice, the largest over {regions[0]['share']:.1%} of it."
    piece = Evidence(ID, "measurement", "found", words, METHOD, CAVEAT, "suggests_edit", "weak", {"regions": regions})
    mask = np.logical_or.reduce([part.mask | _twin(part.mask, part.shift) for part in parts])
    return piece, plan(pixels, ID, mask.astype(np.float32), _BLOCK * scale, READS_AS, white=1.0)


def copies(levels: Levels) -> list[Copied]:
    """The parts that occur twice, the largest first."""
    found = []
    for shift, votes in _shifts(matches(levels)):
        mask = _largest_part(_same(levels, shift))
        if mask is not None and _overlap(mask, shift) < _MOST_OVERLAP:
            found.append(Copied(_box_of(mask), shift, votes, mask))
    return sorted(found, key=lambda part: -int(part.mask.sum()))[:_MOST_REGIONS]


def _shifts(found: Matches) -> list[tuple[tuple[int, int], int]]:
    """The shifts with the most votes, each with them; one and its opposite are the same."""
    turned = [(int(y), int(x)) if (y, x) > (0, 0) else (-int(y), -int(x)) for y, x in found.shift]
    left = Counter(turned)
    chosen: list[tuple[tuple[int, int], int]] = []
    while left and len(chosen) < _MOST_SHIFTS:
        (y, x), _ = left.most_common(1)[0]
        near = [one for one in left if abs(one[0] - y) <= _NEAR and abs(one[1] - x) <= _NEAR]
        votes = sum(left.pop(one) for one in near)
        if votes >= _LEAST_VOTES:
            chosen.append(((y, x), votes))
        elif votes == 1:
            break
    return chosen


def _same(levels: Levels, shift: tuple[int, int]) -> Mask:
    """Which blocks look as the picture does `shift` further on."""
    height, width = levels.shape
    y, x = shift
    here = levels[: height - y, max(-x, 0) : width - max(x, 0)]
    there = levels[y:, max(x, 0) : width - max(-x, 0)]
    difference = block_means(np.abs(here - there), _BLOCK)
    mean = block_means(here, _BLOCK)
    deviation = np.sqrt(np.maximum(block_means(here * here, _BLOCK) - mean * mean, 0))
    alike = (deviation >= _TEXTURE) & (difference <= _LIKE * deviation)
    mask = np.zeros((height // _BLOCK, width // _BLOCK), dtype=bool)
    left = max(-x, 0) // _BLOCK  # a part that begins between two blocks is told from the block on
    mask[: alike.shape[0], left : left + alike.shape[1]] = alike[:, : mask.shape[1] - left]
    return mask


def _largest_part(mask: Mask) -> Mask | None:
    """The largest connected part, when it is large enough."""
    left, best = mask.copy(), np.zeros_like(mask)
    most = 0
    for start in zip(*np.nonzero(mask), strict=True):
        if left[start]:
            part = _flood(left, (int(start[0]), int(start[1])))
            if len(part) > most:
                most = len(part)
                best = np.zeros_like(mask)
                best[tuple(np.array(part).T)] = True
    return best if most >= _LEAST_BLOCKS else None


def _flood(left: Mask, start: tuple[int, int]) -> list[tuple[int, int]]:
    """All that is connected with a place (diagonals too); it is taken out of `left`."""
    part, waiting = [], [start]
    left[start] = False
    while waiting:
        y, x = waiting.pop()
        part.append((y, x))
        around = left[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        for dy, dx in np.argwhere(around):
            place = (max(y - 1, 0) + int(dy), max(x - 1, 0) + int(dx))
            left[place] = False
            waiting.append(place)
    return part


def _box_of(mask: Mask) -> Box:
    ys, xs = np.nonzero(mask)
    top, bottom, left, right = int(ys.min()), int(ys.max()) + 1, int(xs.min()), int(xs.max()) + 1
    return left * _BLOCK, top * _BLOCK, right * _BLOCK, bottom * _BLOCK


def _region(pixels: Pixels, part: Copied, scale: int) -> dict[str, object]:
    y, x = part.shift
    left, top, right, bottom = (edge * scale for edge in part.box)
    one = (left, top, right, bottom)
    other = (left + x * scale, top + y * scale, right + x * scale, bottom + y * scale)
    share = float(part.mask.mean())
    return {
        "here": pixels.upright_box(one),
        "there": pixels.upright_box(other),
        "matches": part.votes,
        "share": round(share, 4),
    }


def _twin(mask: Mask, shift: tuple[int, int]) -> Mask:
    y, x = (round(step / _BLOCK) for step in shift)
    ys, xs = np.nonzero(mask)
    rows, columns = mask.shape
    inside = (ys + y < rows) & (xs + x >= 0) & (xs + x < columns)
    twin = np.zeros_like(mask)
    twin[ys[inside] + y, xs[inside] + x] = True
    return twin


def _overlap(mask: Mask, shift: tuple[int, int]) -> float:
    return float((mask & _twin(mask, shift)).sum() / mask.sum())
