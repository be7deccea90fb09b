"""Presets as data: what size, format and quality a derived picture has. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

Size = tuple[int, int]

MOST_SIDE = 16_383  # pixels; WebP's own limit (RFC 9649), and JPEG's is 65,500
MIME_TYPES = MappingProxyType(
    {
        "jpeg": "image/jpeg",
        "webp": "image/webp",
        "png": "image/png",
        "avif": "image/avif",
        "hash": "application/octet-stream",  # of `PERCEPTUAL` alone
    }
)
EXTENSIONS = MappingProxyType({"jpeg": "jpg", "webp": "webp", "png": "png", "avif": "avif", "hash": "hash"})
KEEPABLE = frozenset({"exif", "gps"})
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RESERVED = frozenset({"original", "metadata", "text", "ocr", "video"})  # addresses beside a preset's own


@dataclass(frozen=True, slots=True)
class Preset:
    """A picture of at most `width` x `height` pixels, never enlarged, upright, in sRGB.

    `quality` runs from 1 to 100 (PNG has none). `keep` names what metadata stays: `exif` all but the place, `gps` the
    place too; nothing by default. `most_bytes`: quality, then size, are lowered until the file fits.
    """

    name: str
    width: int
    height: int = MOST_SIDE
    format: str = "jpeg"
    quality: int = 85
    keep: frozenset[str] = frozenset()
    most_bytes: int | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError`, naming the field, when a value makes no sense."""
        if not _NAME.fullmatch(self.name) or self.name in _RESERVED:
            msg = f"name: {self.name!r} cannot be a preset's name (small letters, digits and '-')"
            raise ValueError(msg)
        for field, value, most in (
            ("width", self.width, MOST_SIDE),
            ("height", self.height, MOST_SIDE),
            ("quality", self.quality, 100),
        ):
            if not 1 <= value <= most:
                msg = f"{field}: {value} is not between 1 and {most}"
                raise ValueError(msg)
        if self.format not in MIME_TYPES:
            msg = f"format: {self.format!r} is none of {', '.join(MIME_TYPES)}"
            raise ValueError(msg)
        if not self.keep <= KEEPABLE:
            msg = f"keep: {', '.join(sorted(self.keep - KEEPABLE))} is none of {', '.join(sorted(KEEPABLE))}"
            raise ValueError(msg)
        if self.most_bytes is not None and self.most_bytes < 1:
            msg = f"most_bytes: {self.most_bytes} is not positive"
            raise ValueError(msg)

    @property
    def mime_type(self) -> str:
        """As in the answer's `Content-Type`."""
        return MIME_TYPES[self.format]

    @property
    def extension(self) -> str:
        """Of the derived file's name, without the dot."""
        return EXTENSIONS[self.format]

    def size_for(self, size: Size) -> Size:
        """The size in which a picture of `size` fits, its proportions kept, at least one pixel a side."""
        width, height = size
        scale = min(self.width / width, self.height / height, 1.0)
        return max(round(width * scale), 1), max(round(height * scale), 1)


@dataclass(frozen=True, slots=True)
class Made:
    """One derived picture: `width` and `height` in pixels, `size` in bytes, the `quality` that was taken."""

    preset: str
    mime_type: str
    extension: str
    width: int
    height: int
    quality: int
    size: int


def fields_of(preset: Preset) -> dict[str, Any]:
    """A preset as JSON can hold it."""
    return asdict(preset) | {"keep": sorted(preset.keep)}


def preset_of(fields: Mapping[str, Any]) -> Preset:
    """The preset of `fields_of`."""
    return Preset(**{**fields, "keep": frozenset(fields["keep"])})


PRESETS = (
    Preset("ai-chat", 1920, quality=85),
    Preset("ai-vision", 2048, quality=90),
    Preset("preview", 800, quality=85),
    Preset("thumbnail", 200, 200, "webp", 80),
)
# Not a picture but its hash, `PerceptualHash.from_bytes` reads it: from the same decode as the presets beside it.
PERCEPTUAL = Preset("perceptual", 128, 128, "hash")
_SETTING = re.compile(
    r"(?P<name>[^=\s]+)=(?P<width>\d{1,5})(?:x(?P<height>\d{1,5}))?"
    r"(?::(?P<format>[a-z]+))?(?::(?P<quality>\d{1,3}))?(?::(?P<keep>[a-z+]+))?"
)


def parse(text: str) -> tuple[Preset, ...]:
    """Presets out of a setting: `card=640x480:webp:75, wide=3000` (format, quality, `exif+gps` may be left out).

    Raises `ValueError`, naming the part that is wrong.
    """
    return tuple(_one(part.strip()) for part in text.split(",") if part.strip())


def _one(text: str) -> Preset:
    match = _SETTING.fullmatch(text)
    if match is None:
        msg = f"{text!r} is not of the form name=WIDTHxHEIGHT:format:quality"
        raise ValueError(msg)
    given = match.groupdict()
    if given["format"] == PERCEPTUAL.format:
        msg = f"format: {given['format']!r} is none that a picture is written in"
        raise ValueError(msg)
    return Preset(
        given["name"],
        int(given["width"]),
        int(given["height"] or MOST_SIDE),
        given["format"] or "jpeg",
        int(given["quality"] or 85),
        frozenset((given["keep"] or "").split("+")) - {""},
    )


def table(own: Iterable[Preset] = ()) -> dict[str, Preset]:
    """All presets by name; the user's own replace ours of the same name."""
    return {preset.name: preset for preset in (*PRESETS, *own)}


def optimised(max_size: int = 2048, quality: int = 85, max_bytes: int | None = None) -> Preset:
    """What `optimize` asks for: at most `max_size` pixels on the longer side. Raises `ValueError`."""
    return Preset("optimised", max_size, max_size, "jpeg", quality, most_bytes=max_bytes)
