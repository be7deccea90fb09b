"""Decodes untrusted pixels: formats of a list only, pixels counted before any is decoded. For the child process."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path

from PIL import Image, ImageOps

from .model import NotApplicable

# EPS is missing on purpose: opening one starts Ghostscript. So are all formats that only few photographs have.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "HEIF", "AVIF")
MOST_PIXELS = 100_000_000
_ORIENTATION = 0x0112
_GREY = (128, 128, 128)
REFUSALS = (
    OSError, ValueError, SyntaxError, TypeError, EOFError, IndexError, KeyError, RuntimeError, NotImplementedError,
    Image.DecompressionBombError,
)  # fmt: skip  # all that Pillow was seen to raise on broken files, struct.error (a ValueError) among them


def open_picture(path: Path) -> Image.Image:
    """A picture whose header was read and whose pixels were not. Raises `NotApplicable`."""
    _prepare()
    known = [name for name in FORMATS if name in Image.OPEN]
    try:
        with warnings.catch_warnings(action="ignore"):
            picture = Image.open(path, formats=known)
    except REFUSALS as problem:
        msg = f"it is no picture that can be decoded ({type(problem).__name__})"
        raise NotApplicable(msg) from problem
    if picture.width * picture.height > MOST_PIXELS:
        msg = f"it claims {picture.width}x{picture.height} pixels; at most {MOST_PIXELS} are decoded"
        raise NotApplicable(msg)
    return picture


def small(picture: Image.Image, longest: int) -> Image.Image:
    """Decoded, reduced to at most `longest` pixels a side, RGB, alpha on grey; not turned. Raises `NotApplicable`."""
    try:
        with warnings.catch_warnings(action="ignore"):
            picture.draft("RGB", (longest, longest))
            picture.thumbnail((longest, longest), reducing_gap=2)
            return on_grey(picture)
    except REFUSALS as problem:
        msg = f"its picture data cannot be decoded ({type(problem).__name__})"
        raise NotApplicable(msg) from problem


def upright(picture: Image.Image, longest: int) -> Image.Image:
    """The same, turned as its orientation tag says."""
    flat = small(picture, longest)
    # Read after the decoding: Pillow turns TIFF and HEIF by itself then, and forgets their tag.
    with contextlib.suppress(*REFUSALS):  # broken EXIF turns nothing
        flat.getexif()[_ORIENTATION] = picture.getexif().get(_ORIENTATION, 1)
        return ImageOps.exif_transpose(flat)
    return flat


def on_grey(picture: Image.Image) -> Image.Image:
    """RGB; what is transparent becomes grey."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    with_alpha = picture.convert("RGBA")
    ground = Image.new("RGB", with_alpha.size, _GREY)
    ground.paste(with_alpha, mask=with_alpha.getchannel("A"))
    return ground


def _prepare() -> None:
    """HEIF support, and Pillow's own limit (it counts frames too), which refuses at twice what it is set to."""
    Image.init()
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2
    try:
        import pillow_heif  # noqa: PLC0415  heavy, and not there on every platform
    except ImportError:
        return
    pillow_heif.register_heif_opener()
