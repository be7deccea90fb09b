"""What of a file's metadata the comparison needs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TAGS = (
    ("EXIF", "Make"), ("EXIF", "Model"), ("EXIF", "DateTimeOriginal"), ("EXIF", "ExposureTime"), ("EXIF", "FNumber"),
    ("EXIF", "ISO"), ("EXIF", "FocalLength"), ("EXIF", "LensModel"), ("EXIF", "OffsetTimeOriginal"),
    ("GPS", "GPSLatitude"), ("GPS", "GPSDateStamp"), ("QuickTime", "Make"), ("QuickTime", "Model"),
    ("QuickTime", "CreationDate"), ("QuickTime", "GPSCoordinates"),
)  # fmt: skip  # what only a camera writes, and what copies through chats have lost


@dataclass(frozen=True, slots=True)
class Traits:
    """`original_tags`: how many of the fields that cameras write are there; maker notes count as five."""

    original_tags: int = 0
    camera: str | None = None
    burst_id: str | None = None
    content_id: str | None = None


def traits(metadata: Mapping[str, Mapping[str, Any]]) -> Traits:
    """Out of the metadata of our extraction."""
    found = sum(1 for group, tag in _TAGS if metadata.get(group, {}).get(tag) not in (None, ""))
    notes = 5 if metadata.get("MakerNotes") else 0
    names = [_text(metadata, "EXIF", tag) or _text(metadata, "QuickTime", tag) for tag in ("Make", "Model")]
    return Traits(
        found + notes,
        " ".join(name for name in names if name) or None,
        _text(metadata, "MakerNotes", "BurstUUID") or _text(metadata, "XMP", "BurstID"),
        _text(metadata, "MakerNotes", "ContentIdentifier") or _text(metadata, "QuickTime", "ContentIdentifier"),
    )


def _text(metadata: Mapping[str, Mapping[str, Any]], group: str, tag: str) -> str | None:
    value = metadata.get(group, {}).get(tag)
    return value.strip() or None if isinstance(value, str) else None
