"""A file's pixels, decoded no larger than needed. For the child process.

What comes out is as the file has it: not turned, in its own colours. `render.py` does the rest.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .errors import BrokenPicture, NoPicture, PictureError, RawPicture, TooManyPixels
from .formats import (
    FORMATS,
    HEAD_BYTES,
    MOST_PIXELS,
    MOST_PIXELS_ELSE,
    REFUSALS,
    claimed,
    is_heif_head,
    is_raw_head,
    is_raw_tiff,
    most_pixels,
)  # fmt: skip
from .presets import Size

# A JPEG is decoded at the smallest 1/2, 1/4, 1/8 that leaves twice the pixels a side: the decoder's own shrinking is a
# box filter, and the resampling after it must have something left to do (libvips leaves as much).
GAP = 2
_ORIENTATION, _GPS, _SIDES = 0x0112, 0x8825, (0xA002, 0xA003)
_TURNED_SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class Decoded:
    """`size`: of the whole picture, upright, whatever was decoded of it. `turn`: EXIF's orientation, 1 to 8."""

    picture: Image.Image
    size: Size
    turn: int


def decode(path: Path, wanted: Callable[[Size], Size], turn: int | None = None) -> Decoded:
    """Decode the first frame; `wanted` tells, for the upright size, what size is needed.

    `turn` is used when the file says none itself. Raises a `PictureError`.
    """
    picture = _open(path)
    try:
        with warnings.catch_warnings(action="ignore"):
            return _shrunk(picture, wanted, turn) if picture.format in ("JPEG", "MPO") else _whole(picture, turn)
    except REFUSALS as problem:
        msg = f"its picture data is damaged ({type(problem).__name__}: {problem})"
        raise BrokenPicture(msg) from problem


def upright(size: Size, turn: int) -> Size:
    """The size after turning; the same function turns it back."""
    return (size[1], size[0]) if turn in _TURNED_SIDEWAYS else size


def exif_of(picture: Image.Image, keep: frozenset[str]) -> bytes:
    """What is kept of the picture's EXIF, for pixels that are upright; empty when nothing is asked for."""
    with contextlib.suppress(*REFUSALS):
        if keep and (whole := picture.getexif().tobytes()):
            exif = Image.Exif()  # a copy: the picture's own is asked again for the next preset
            exif.load(whole)
            dropped = (_ORIENTATION, *(() if "gps" in keep else (_GPS,)))
            for tag in dropped:
                exif.pop(tag, None)
            for tag in _SIDES:
                exif.get_ifd(0x8769).pop(tag, None)
            return exif.tobytes()
    return b""


def _open(path: Path) -> Image.Image:
    """Reads the header alone."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        msg = "it is empty"
        raise NoPicture(msg)
    if is_raw_head(head):
        raise RawPicture
    _prepare(head)
    try:
        with warnings.catch_warnings(action="ignore"):
            picture = Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])
    except Image.DecompressionBombError as problem:
        msg = f"it claims more than {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels, the most that are decoded of any format"
        raise TooManyPixels(msg) from problem
    except REFUSALS as problem:
        raise _unopened(head) from problem
    most = most_pixels(picture.format or "")
    if picture.width * picture.height > most:
        msg = f"it claims {picture.width}x{picture.height} pixels; at most {most} of a {picture.format} are decoded"
        raise TooManyPixels(msg)
    if picture.format == "TIFF" and is_raw_tiff(picture):
        raise RawPicture
    return picture


def _unopened(head: bytes) -> PictureError:
    """Pillow does not say why it does not open a file; its first bytes tell whether it should have."""
    match claimed(head):
        case "TIFF":  # RAW files of several makers are TIFFs that Pillow cannot read
            return RawPicture()
        case None:
            return NoPicture(
                f"it is no picture that can be decoded ({', '.join(FORMATS)}, and RAW files by their preview)"
            )
        case format_name:
            return BrokenPicture(f"it begins as a {format_name}, but its header is damaged")


def _prepare(head: bytes) -> None:
    """Pillow's own limit refuses at twice what it is set to, and counts what lies deeper than the header too."""
    Image.init()
    Image.MAX_IMAGE_PIXELS = max(MOST_PIXELS_ELSE, *MOST_PIXELS.values()) // 2
    if is_heif_head(head) and "HEIF" not in Image.OPEN:
        with contextlib.suppress(ImportError):  # not there on every platform
            import pillow_heif  # noqa: PLC0415  20 MB that most pictures do not need

            pillow_heif.register_heif_opener()


def _shrunk(picture: Image.Image, wanted: Callable[[Size], Size], turn: int | None) -> Decoded:
    turned = _turn(picture, turn)
    size = upright(picture.size, turned)
    width, height = upright(wanted(size), turned)
    picture.draft(None, (width * GAP, height * GAP))
    picture.load()
    return Decoded(picture, size, turned)


def _whole(picture: Image.Image, turn: int | None) -> Decoded:
    picture.load()
    # Asked after the decoding: Pillow turns TIFF and HEIF by itself then, and forgets their tag.
    turned = _turn(picture, turn)
    return Decoded(picture, upright(picture.size, turned), turned)


def _turn(picture: Image.Image, otherwise: int | None) -> int:
    turn = None
    for xmp in ("xmp", "XML:com.adobe.xmp"):  # Pillow would take XMP's orientation; viewers heed EXIF's alone
        picture.info.pop(xmp, None)
    with contextlib.suppress(*REFUSALS):  # broken EXIF turns nothing
        turn = picture.getexif().get(_ORIENTATION, otherwise)
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1  # noqa: PLR2004  EXIF 3.0, 4.6.5.1.7
