"""What the library keeps of a file's metadata: size as shown, duration, camera, place, keywords. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mediabridge.sidecar.library.dates import position
from mediabridge.sidecar.library.duplicates import traits
from mediabridge.sidecar.library.tags import LONGEST, proper

Metadata = Mapping[str, Mapping[str, Any]]
_SIZE = re.compile(r"(\d{1,7})\s*[x ]\s*(\d{1,7})", re.ASCII)
_CLOCK = re.compile(r"(\d{1,4}):([0-5]?\d):([0-5]?\d(?:\.\d+)?)", re.ASCII)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d+)?)(?: s)?", re.ASCII)
_SIDEWAYS = re.compile(r"\b(?:90|270)\b")
_LONGEST_TEXT = 500
_MOST_KEYWORDS = 100
_MOST_WARNINGS = 5


def size_of(metadata: Metadata) -> tuple[int, int] | tuple[None, None]:
    """Width and height in pixels as it is displayed."""
    composite = metadata.get("Composite", {})
    found = _SIZE.fullmatch(str(composite.get("ImageSize", "")))
    if not found:
        return None, None
    width, height = int(found[1]), int(found[2])
    return (height, width) if _is_turned(metadata) else (width, height)


def duration_of(metadata: Metadata) -> float | None:
    """Seconds, of what has a length."""
    for group in ("QuickTime", "Matroska", "RIFF", "Composite", "ASF", "Flash", "MPEG"):
        text = str(metadata.get(group, {}).get("Duration", "")).removesuffix(" (approx)")
        if clock := _CLOCK.fullmatch(text):
            return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
        if seconds := _SECONDS.fullmatch(text):
            return float(seconds[1])
    return None


def details_of(metadata: Metadata) -> dict[str, Any]:
    """For people: camera, lens, place in degrees, title; for the search for duplicates: what only a camera writes."""
    exif, xmp = metadata.get("EXIF", {}), metadata.get("XMP", {})
    track = metadata.get("QuickTime", {})
    found = {
        "make": exif.get("Make") or track.get("Make"),
        "model": exif.get("Model") or track.get("Model"),
        "lens": metadata.get("Composite", {}).get("LensID") or exif.get("LensModel"),
        "title": xmp.get("Title"),
        "description": xmp.get("Description") or exif.get("ImageDescription"),
    }
    told: dict[str, Any] = {name: text for name, value in found.items() if (text := _text(value))}
    place = position(metadata)
    seen = traits(metadata)
    marks = {"originalTags": seen.original_tags, "camera": seen.camera}
    marks |= {"burstId": seen.burst_id, "contentId": seen.content_id}
    told |= {name: value for name, value in marks.items() if value}
    return told | ({"position": list(place)} if place else {})


def warnings_of(warnings: Sequence[str]) -> dict[str, Any]:
    """What a person should know of a file that can be read all the same, as that it breaks off; without trifles."""
    told = [text[:_LONGEST_TEXT] for text in warnings if not text.startswith("[minor]")]
    return {"warnings": told[:_MOST_WARNINGS]} if told else {}


def keywords_of(metadata: Metadata) -> list[str]:
    """The file's own keywords that can be tags."""
    found: dict[str, None] = {}
    for value in (metadata.get("IPTC", {}).get("Keywords"), metadata.get("XMP", {}).get("Subject")):
        for word in _words(value):
            found.setdefault(word)
    return list(found)[:_MOST_KEYWORDS]


def _words(value: Any) -> Iterator[str]:
    for word in value if isinstance(value, list) else [value]:
        if isinstance(word, str | int | float) and not isinstance(word, bool) and len(str(word)) <= LONGEST:
            try:
                yield proper(str(word))
            except ValueError:  # empty, or control characters
                continue


def _is_turned(metadata: Metadata) -> bool:
    turned = str(metadata.get("EXIF", {}).get("Orientation", ""))
    film = str(metadata.get("Composite", {}).get("Rotation", ""))
    return bool(_SIDEWAYS.search(turned) or _SIDEWAYS.fullmatch(film))


def _text(value: Any) -> str | None:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    return " ".join(str(value).split())[:_LONGEST_TEXT] or None
