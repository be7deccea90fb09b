"""Does the embedded thumbnail show the same picture? Editors often leave the old one in the file."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import pstdev
from typing import Literal

from PIL import Image

from mediabridge.sidecar.containers import Layout, Window

from . import picture
from .model import Examined, Finding, NotApplicable, Subject

METHOD = "correlation of the decoded thumbnail with the decoded picture, both without dark bars and reduced to 24x24"
_SIDE = 24
_ENTRY, _SIZES = 12, {3: 2, 4: 4}  # bytes of a directory's entry; of a SHORT, of a LONG
_OFFSET_TAG, _LENGTH_TAG = 0x0201, 0x0202  # JPEGInterchangeFormat and its length
_PHOTOSHOP = b"Photoshop 3.0\0"
_RESOURCE, _THUMBNAIL_5 = b"8BIM", 0x040C  # Photoshop's resource 1036; 28 bytes stand before its JPEG
_THUMBNAIL_HEADER = 28
_BAR = 24  # grey level up to which a row counts as a dark bar
_SAME, _OTHER = 0.85, 0.5  # correlation: above the same, below another picture
_LEAST_CONTRAST = 4.0
_TURNS = (
    None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270,
    Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Embedded:
    """A thumbnail as it lies in the file."""

    where: str
    data: bytes


def examine(subject: Subject) -> Examined:
    """`thumbnails`: each with `where`, size, `correlation` (-1 to 1) and `turned`; findings where it is another."""
    subject.check_decodable()
    with picture.open_picture(subject.path) as opened:
        embedded = [*_exif(opened), *_photoshop(subject)]
        if not embedded:
            msg = "it holds no thumbnail"
            raise NotApplicable(msg)
        whole = picture.small(opened, 512)
    facts, findings = [], []
    for one in embedded:
        fact, found = _compare(one, whole)
        facts.append(fact)
        findings += found
    return Examined({"thumbnails": facts}, tuple(findings))


def _exif(opened: Image.Image) -> Iterator[Embedded]:
    tiff = (opened.info.get("exif") or b"").removeprefix(b"Exif\0\0")
    directory = second_directory(tiff)
    start, length = directory.get(_OFFSET_TAG, 0), directory.get(_LENGTH_TAG, 0)
    if 0 < start < len(tiff) and length > 0:
        yield Embedded("EXIF:ThumbnailImage", tiff[start : start + length])


def second_directory(tiff: bytes) -> dict[int, int]:
    """Tag -> value of the entries with one integer in the thumbnail's directory (IFD1, TIFF 6.0 section 2)."""
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"

    def number(place: int, count: int) -> int:
        return int.from_bytes(tiff[place : place + count], order)

    first = number(4, 4)
    second = number(first + 2 + _ENTRY * number(first, 2), 4)
    if not 0 < second < len(tiff):
        return {}
    places = range(second + 2, min(second + 2 + _ENTRY * number(second, 2), len(tiff)), _ENTRY)
    return {number(at, 2): number(at + 8, _SIZES[number(at + 2, 2)]) for at in places if number(at + 2, 2) in _SIZES}


def _photoshop(subject: Subject) -> Iterator[Embedded]:
    layout = subject.layout
    if layout is None or layout.container != "JPEG":
        return
    with subject.path.open("rb") as file:
        data = _resources(Window(file), layout)
    place = data.find(_RESOURCE)
    while place >= 0:
        kind = int.from_bytes(data[place + 4 : place + 6], "big")
        name = (data[place + 6] if place + 6 < len(data) else 0) + 1
        size_at = place + 6 + name + (name & 1)
        size = int.from_bytes(data[size_at : size_at + 4], "big")
        if kind == _THUMBNAIL_5:
            yield Embedded("Photoshop:PhotoshopThumbnail", data[size_at + 4 + _THUMBNAIL_HEADER : size_at + 4 + size])
            return
        place = data.find(_RESOURCE, size_at + 4 + size)


def _resources(window: Window, layout: Layout) -> bytes:
    parts = [window.at(part.offset, part.size) for part in layout.named("APP13")]
    return b"".join(part.removeprefix(_PHOTOSHOP) for part in parts if part.startswith(_PHOTOSHOP))


def _compare(one: Embedded, whole: Image.Image) -> tuple[dict[str, object], list[Finding]]:
    fact: dict[str, object] = {"where": one.where, "bytes": len(one.data), "width": None, "height": None}
    try:
        with warnings.catch_warnings(action="ignore"):
            small = picture.small(Image.open(io.BytesIO(one.data), formats=("JPEG",)), 512)
    except (NotApplicable, *picture.REFUSALS):
        what = "The embedded thumbnail cannot be decoded."
        return fact, [Finding("thumbnailBroken", what, one.where, "high", "decoding of the thumbnail", fact)]
    correlation, turn = best_match(small, whole)
    fact |= {"width": small.width, "height": small.height}
    if correlation is None:
        return fact | {"correlation": None, "why": "the thumbnail or the picture has almost no contrast"}, []
    fact |= {"correlation": round(correlation, 3), "turned": turn is not None}
    return fact, [*_judge(one.where, correlation, turn, fact)]


def _judge(where: str, correlation: float, turn: object, fact: dict[str, object]) -> Iterator[Finding]:
    if correlation < _OTHER:
        what = (
            "The embedded thumbnail shows something else than the picture does: the picture was changed or exchanged."
        )
        yield Finding("thumbnailDiffers", what, where, "high" if correlation < _OTHER / 2 else "medium", METHOD, fact)
    elif correlation < _SAME:
        what = "The embedded thumbnail resembles the picture only in part: perhaps it was cropped or retouched."
        yield Finding("thumbnailUnlike", what, where, "low", METHOD, fact)
    elif turn is not None:
        what = "The embedded thumbnail is turned against the picture: it was rotated after the thumbnail was made."
        yield Finding("thumbnailTurned", what, where, "medium", METHOD, fact)


def best_match(thumbnail: Image.Image, whole: Image.Image) -> tuple[float | None, Image.Transpose | None]:
    """The best correlation over eight ways to turn the thumbnail, and the turn; unturned when that is the same.

    None when either has almost no contrast.
    """
    target = _levels(without_bars(whole))
    if pstdev(target) < _LEAST_CONTRAST:
        return None, None
    core = without_bars(thumbnail)
    straight = _correlation(_levels(core), target)
    if straight is None:
        return None, None
    best, by = straight, None
    for turn in _TURNS[1:]:
        value = _correlation(_levels(core.transpose(turn)), target) if turn is not None else None
        if value is not None and value > best and straight < _SAME:
            best, by = value, turn
    return (best, by) if best >= _SAME else (straight, None)


def without_bars(shown: Image.Image) -> Image.Image:
    """Cut dark bars off: thumbnails of 160x120 keep the shape of a wider picture with them (DCF)."""
    light = shown.convert("L").point(lambda level: 255 if level > _BAR else 0)
    box = light.getbbox()
    return shown.crop(box) if box and box[2] - box[0] >= 8 and box[3] - box[1] >= 8 else shown  # noqa: PLR2004  pixels


def _levels(shown: Image.Image) -> list[int]:
    return list(shown.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX).tobytes())


def _correlation(one: list[int], other: list[int]) -> float | None:
    """Pearson's; None when the first has almost no contrast."""
    if pstdev(one) < _LEAST_CONTRAST:
        return None
    mean1, mean2 = math.fsum(one) / len(one), math.fsum(other) / len(other)
    products = math.fsum((a - mean1) * (b - mean2) for a, b in zip(one, other, strict=True))
    return products / (len(one) * pstdev(one) * pstdev(other))
