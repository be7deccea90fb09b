"""How two files are like each other. Pure.

The hashes say whether they show the same, the levels confirm it, and the moments at which they were taken tell a copy
from the next frame of a series. Bounds: see `index.py`; edits of 57 photographs keep a correlation of 0.95 and more.
"""

from __future__ import annotations

from datetime import timedelta

from mediabridge.sidecar.images.perceptual import distance

from .index import NEAR_DHASH, NEAR_PHASH
from .levels import best_window, correlation, grid, is_drawn
from .model import Certainty, Kind, Picture, Relation

_LEAST_CORRELATION, _LEAST_BY_BITS = 0.90, 0.60
_SAME, _ALIKE = 0.985, 0.95
_CLOSE_BITS, _FEW_BITS = 6, 12  # of 128; a caption moves the levels, and few bits
_FAST_BURST = 0.97  # within one second, frames of equal size that are less like each other are two frames
_ONE_MOMENT, _SECOND = timedelta(milliseconds=20), timedelta(seconds=1)
_BURST, _SERIES = timedelta(seconds=30), timedelta(hours=1)
_QUARTER, _FURTHEST_ZONE = timedelta(minutes=15), timedelta(hours=14)
_ICON = 128  # pixels a side
_SAME_SHAPE = 0.03  # of width to height
# Of 198 parts (65 to 90 % of a side) of 66 photographs 72 % fit so well, and 1 % of pairs that have nothing in common;
# from 0.95 on 42 %, and none.
_CROP_AT_ONCE, _CROP_FITS, _CROP_GAINS, _CROP_SHARE = 0.90, 0.95, 0.04, 0.95
_SAME_LENGTH_S = 0.5


def compare(one: Picture, other: Picture) -> Relation | None:
    """The relation, the same in both directions; None when they are not alike."""
    if one.sha256 == other.sha256:
        return Relation("exact", "certain", 1.0, ("the same bytes",))
    if one.kind != other.kind or one.hash is None or other.hash is None:
        return None  # a RAW file's preview is like its JPEG, and a film's frame like a still, without being a copy
    if one.kind == "video" and not _same_length(one, other):
        return None
    distances = distance(one.hash.phash, other.hash.phash), distance(one.hash.dhash, other.hash.dhash)
    first, second = grid(one.hash), grid(other.hash)
    fit = correlation(first, second)
    icons = 0 < max(one.width, one.height, other.width, other.height) <= _ICON
    drawn = icons or is_drawn(one.hash) or is_drawn(other.hash)
    if _is_near(distances, fit, drawn=drawn):
        return _near(one, other, distances, fit, drawn=drawn)
    if drawn or one.kind == "video":
        return None
    (gained, share), (back, share_back) = best_window(first, second), best_window(second, first)
    if back > gained:
        gained, share = back, share_back
    return _crop(one, other, (fit, gained, share))


def _is_near(distances: tuple[int, int], fit: float, *, drawn: bool) -> bool:
    bits = sum(distances)
    if drawn:  # only what is nearly equal is the same
        return (bits <= 4 and fit >= 0.99) or (bits <= 8 and fit >= 0.997)  # noqa: PLR2004  see `why.md`
    near = distances[0] <= NEAR_PHASH and distances[1] <= NEAR_DHASH
    return near and fit >= (_LEAST_BY_BITS if bits <= _FEW_BITS else _LEAST_CORRELATION)


def _near(one: Picture, other: Picture, distances: tuple[int, int], fit: float, *, drawn: bool) -> Relation | None:
    similarity = round(fit * (1 - sum(distances) / 128), 4)
    close = drawn or (fit >= _SAME and sum(distances) <= _CLOSE_BITS)
    said = [f"their hashes differ in {sum(distances)} of 128 bits"]
    if (series := _series(one, other, fit, close=close)) is not None:
        kind, certainty, why = series
        return Relation(kind, certainty, similarity, (*said, why)) if kind else None
    said += _moment_words(one, other)
    if one.kind == "video":
        said.append("films of the same length, compared by one frame")
        kind, words, certainty = _copy(one, other, close=close)[0], "", "medium" if close else "low"
    else:
        kind, words = _copy(one, other, close=close)
        certainty = "high" if close and kind != "edited" and not drawn else "medium"
    return Relation(kind, certainty, similarity, (*said, words) if words else tuple(said))


def _copy(one: Picture, other: Picture, *, close: bool) -> tuple[Kind, str]:
    """What kind of a copy, in words."""
    if close and (one.width, one.height) == (other.width, other.height):
        return "same_picture", "the same size in pixels"
    if not _same_shape(one, other):
        return "edited", "another shape: stretched, cut a little, or with a border"
    if close:
        large, small = sorted((one, other), key=lambda it: -it.pixels)
        return "resized", f"{large.width}x{large.height} and {small.width}x{small.height} pixels, the same shape"
    return "edited", "the same picture with other light, colours, sharpness or writing"


def _series(one: Picture, other: Picture, fit: float, *, close: bool) -> tuple[Kind | None, Certainty, str] | None:
    """What the moments say; None when nothing speaks against a copy. A kind of None: they are not alike."""
    if one.moment is None or other.moment is None:
        return None
    apart = abs(one.moment - other.moment)
    exact = bool(one.moment.microsecond and other.moment.microsecond)
    if apart <= _ONE_MOMENT or (apart < _SECOND and not exact):
        return _at_once(one, other, fit)
    quarters = round(apart / _QUARTER) * _QUARTER
    if _QUARTER <= quarters <= _FURTHEST_ZONE and abs(apart - quarters) < _SECOND and close:
        return None  # two clocks, or one that was read in two zones
    if one.burst_id and one.burst_id == other.burst_id:
        return "burst", "high", f"frames of one burst, {apart.total_seconds():.2f} s apart"
    return _apart(apart, close=close)


def _at_once(one: Picture, other: Picture, fit: float) -> tuple[Kind, Certainty, str] | None:
    from_one_camera = one.camera and one.camera == other.camera and min(one.original_tags, other.original_tags) > 0
    if from_one_camera and (one.width, one.height) == (other.width, other.height) and fit < _FAST_BURST:
        return "burst", "low", "the same camera and second, but not quite the same picture"
    return None


def _apart(apart: timedelta, *, close: bool) -> tuple[Kind | None, Certainty, str]:
    seconds = apart.total_seconds()
    if apart <= _BURST:
        return "burst", "medium", f"taken {seconds:.2f} s apart"
    if apart <= _SERIES:
        return "burst", "low", f"taken {seconds / 60:.1f} minutes apart: perhaps a series"
    return ("same_picture" if close else None), "low", "the same to the eye, but with dates that differ"


def _moment_words(one: Picture, other: Picture) -> tuple[str, ...]:
    if one.moment is None or other.moment is None:
        return ()
    return (
        ("taken at the same moment",)
        if abs(one.moment - other.moment) < _SECOND
        else ("their clocks differ by a whole number of quarters of an hour",)
    )


def _crop(one: Picture, other: Picture, fits: tuple[float, float, float]) -> Relation | None:
    """A part of the other picture. The levels are too few to be sure; the same moment makes it likely."""
    fit, gained, share = fits
    at_once = one.moment is not None and other.moment is not None and abs(one.moment - other.moment) <= _ONE_MOMENT
    if gained < (_CROP_AT_ONCE if at_once else _CROP_FITS) or gained < fit + _CROP_GAINS or share > _CROP_SHARE:
        return None
    words = f"one seems to be about {share:.0%} of the other"
    moment = ("taken at the same moment",) if at_once else ("no date confirms it",)
    return Relation("crop", "medium" if at_once else "low", round(gained * share, 4), (words, *moment))


def _same_shape(one: Picture, other: Picture) -> bool:
    if not (one.pixels and other.pixels):
        return False
    return abs(one.width * other.height / (one.height * other.width) - 1) <= _SAME_SHAPE


def _same_length(one: Picture, other: Picture) -> bool:
    return (
        one.duration_s is not None
        and other.duration_s is not None
        and abs(one.duration_s - other.duration_s) <= _SAME_LENGTH_S
    )
