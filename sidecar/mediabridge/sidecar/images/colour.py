"""Colours: whatever a file has becomes 8-bit sRGB (L, RGB or RGBA). For the child process."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import cast

from PIL import Image, ImageCms

_WHITE = (255, 255, 255)
_RESIZABLE = ("L", "RGB", "RGBA", "CMYK")
_SPACE_OF_MODE = {"L": "GRAY", "RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK"}
_SIXTEEN_TO_EIGHT = [value >> 8 for value in range(65536)]
_NO_PROFILE = (OSError, ValueError, TypeError, ImageCms.PyCMSError)  # a profile that is broken counts as none


def eight_bit(picture: Image.Image) -> Image.Image:
    """L, RGB, RGBA or CMYK, 8 bits a channel; colours are not converted."""
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        return _eight_of_sixteen(picture)
    if picture.mode == "F":
        return _stretched(picture)
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode in _RESIZABLE:
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """L, RGB or RGBA in sRGB. Without a usable profile, grey and RGB are taken to be sRGB already."""
    if profile and (moved := _moved(picture, profile)) is not None:
        return moved
    if picture.mode == "CMYK":
        from .cmyk import printed  # noqa: PLC0415  it loads numpy, 12 MB, and such pictures are rare

        return printed(picture)
    return picture


def flat(picture: Image.Image) -> Image.Image:
    """Without alpha; what is transparent becomes white, as on the page that shows it."""
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, _WHITE)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def without_idle_alpha(picture: Image.Image) -> Image.Image:
    """RGB when every pixel is opaque."""
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (255, 255):
        return picture.convert("RGB")
    return picture


def _eight_of_sixteen(picture: Image.Image) -> Image.Image:
    wide = picture.convert("I")
    grey = wide.point(_SIXTEEN_TO_EIGHT, "L")  # what is below or above 16 bits is cut off
    clear = picture.info.get("transparency")  # PNG's tRNS: one value that is not drawn
    if not isinstance(clear, int):
        return grey
    alpha = wide.point([0 if value == clear else 255 for value in range(65536)], "L")
    return Image.merge("RGBA", (grey, grey, grey, alpha))


def _stretched(picture: Image.Image) -> Image.Image:
    """Floats have no fixed white: their extremes become black and white."""
    low, high = cast("tuple[float, float]", picture.getextrema())
    scale = 255.0 / (high - low or 1.0)
    return picture.point(lambda value: value * scale - low * scale).convert("L")


def _moved(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """None when the profile is sRGB already, does not fit the pixels, or is broken."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() == "GRAY" and picture.mode != "L":
            return _grey_moved(picture, profile)
        transform = _transform(profile, picture.mode)
        return transform.apply(picture) if transform else None
    except _NO_PROFILE:
        return None


def _grey_moved(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """Grey that was spread over three channels on the way, as Pillow does with 16 bits and alpha."""
    moved = _moved(picture.getchannel(0), profile)
    if moved is not None and picture.mode == "RGBA":
        moved.putalpha(picture.getchannel("A"))
    return moved


@lru_cache(8)  # pictures of one camera have one profile
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space.strip() != _SPACE_OF_MODE[mode]:
        return None
    if mode != "CMYK" and (source.profile.profile_description or "").startswith("sRGB"):
        return None
    out = "RGBA" if mode == "RGBA" else "RGB"
    # Relative colorimetric with black point compensation: what browsers and libvips' users see.
    return ImageCms.ImageCmsTransform(
        source,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        mode,
        out,
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
