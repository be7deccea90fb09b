"""Which methods an analysis runs, in which order. Data; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from .evidence import Kind

Depth = Literal["quick", "full"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)
MediaType = Literal["image", "video"]


@dataclass(frozen=True, slots=True)
class Step:
    """A method: `pixels` says that it needs the decoded picture, `maps` that it is quick enough for a map on demand."""

    id: str
    kind: Kind
    pixels: bool = False
    full: bool = False
    maps: bool = False


CROP = 1024  # pixels a side of the middle that is measured where a whole picture would take too long
DECODE = "decode"  # not a method: decodes, and tells the format; what needs pixels fails where it fails
FEATURES = "features"  # not evidence: what a model is given
STEPS = (
    Step("c2pa", "provenance"),
    Step("iptc_source_type", "provenance"),
    Step("generator_traces", "provenance"),
    Step("editor_traces", "provenance"),
    Step("thumbnail", "provenance"),
    Step(DECODE, "measurement", pixels=True),
    Step(FEATURES, "measurement", pixels=True),
    Step("double_quantisation", "measurement", pixels=True),
    Step("error_levels", "measurement", pixels=True, full=True, maps=True),
    Step("noise", "measurement", pixels=True, full=True, maps=True),
    Step("spectrum", "measurement", pixels=True, full=True, maps=True),
    Step("jpeg_ghosts", "measurement", pixels=True, full=True),
    Step("copy_move", "measurement", pixels=True, full=True),
)
KINDS = {step.id: step.kind for step in STEPS}
# Of a frame: what neither needs a JPEG's grid nor tells of the container.
OF_FRAMES: dict[Depth, tuple[str, ...]] = {
    "quick": (DECODE, FEATURES, "noise"),
    "full": (DECODE, FEATURES, "noise", "spectrum"),
}
_OF_FILES = frozenset({"thumbnail"})  # of pictures alone, though it is provenance


def chosen(depth: Depth, media_type: MediaType, *, maps: bool) -> tuple[str, ...]:
    """The steps of an analysis. `quick` leaves out what is slow, but makes the quick maps when they are asked for."""
    wanted = (step for step in STEPS if depth == "full" or not step.full or (maps and step.maps))
    if media_type == "video":
        wanted = (step for step in wanted if not step.pixels and step.id not in _OF_FILES)
    return tuple(step.id for step in wanted)


def left_out(depth: Depth, media_type: MediaType, *, maps: bool) -> tuple[str, ...]:
    """The methods that the other depth would run as well."""
    run = chosen(depth, media_type, maps=maps)
    return tuple(one for one in chosen("full", media_type, maps=True) if one not in run)
