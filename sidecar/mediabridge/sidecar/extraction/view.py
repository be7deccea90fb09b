"""What a tier sees of the metadata. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .groups import Json, Metadata, count

# Names of tags that tell where a picture was taken, in any group: Composite:GPSPosition, XMP:GPSLatitude,
# QuickTime:GPSCoordinates and LocationInformation, Composite:GeolocationCity (ExifTool 12.78 on).
_POSITION = re.compile(r"gps|latitude|longitude|geolocation|geotag|iso6709|locationinformation", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class View:
    """The visible part. `returned` and `available` count tags, `locked` names the groups that were withheld, sorted."""

    metadata: Metadata
    returned: int
    available: int
    locked: tuple[str, ...]


def view(metadata: Metadata, shows: Callable[[str], bool]) -> View:
    """Keep the groups for which `shows` is true. Without `GPS`, tags of other groups that tell the position go too."""
    seen = {group: tags for group, tags in metadata.items() if shows(group)}
    locked = {group for group in metadata if group not in seen}
    if not shows("GPS"):
        placeless = _without_position(seen)
        if placeless != seen:
            locked.add("GPS")
        seen = placeless
    return View(seen, count(seen), count(metadata), tuple(sorted(locked)))


def _without_position(metadata: Metadata) -> Metadata:
    stripped = {group: _strip(tags) for group, tags in metadata.items()}
    return {group: tags for group, tags in stripped.items() if tags}


def _strip(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _strip(item) for key, item in value.items() if not _POSITION.search(key)}
    if isinstance(value, list):
        return [_strip(item) for item in value]
    return value
