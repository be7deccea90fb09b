"""The dates that a file holds itself: candidates from the metadata of our extraction. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

from .model import Candidate, Family, Json, Metadata, least
from .sources import SATELLITE_WEIGHT, TAGS, WRITES_LOCAL, WRITES_UTC, Tag
from .text import NoSuchDateError, Read, clock_of, read, read_offset

_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.\d*)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_MOST_DEGREES = 360
_MOST_TEXT = 100  # characters of a value that are looked at
_SCANNED = "it was scanned, and this may be when"
_NO_MAKER = "QuickTime wants UTC here, but whether this camera wrote it is not known"


def candidates(metadata: Metadata, family: Family = "embedded") -> list[Candidate]:
    """Every date of the table in `sources.py`, best first, with those that are impossible, and the satellites' time."""
    there = [tag for tag in TAGS if tag.name in metadata.get(tag.group, ())]  # most are not
    found = [made for tag in there if (made := _candidate(tag, metadata, family))]
    if str(metadata.get("EXIF", {}).get("FileSource", "")).endswith("Scanner"):  # film, or prints
        found = [replace(one, most=least(one.most, "medium"), doubts=(*one.doubts, _SCANNED)) for one in found]
    return [*found, *_satellite(metadata)]


def position(metadata: Metadata) -> tuple[float, float] | None:
    """Latitude and longitude in degrees; None for none, for an impossible one, and for 0, 0: that is an empty field."""
    tables = (metadata.get("Composite", {}), metadata.get("GPS", {}), metadata.get("XMP", {}))
    for table in tables:
        both = degrees(table.get("GPSLatitude")), degrees(table.get("GPSLongitude"))
        latitude, longitude = both
        if latitude is None or longitude is None or both == (0, 0):
            continue
        if table is tables[1]:
            latitude = -abs(latitude) if str(table.get("GPSLatitudeRef", ""))[:1] == "S" else latitude
            longitude = -abs(longitude) if str(table.get("GPSLongitudeRef", ""))[:1] == "W" else longitude
        if abs(latitude) <= 90 and abs(longitude) <= 180:  # noqa: PLR2004  of a globe
            return latitude, longitude
    return None


def degrees(value: Json) -> float | None:
    """A number, or ExifTool's `52 deg 31' 12.00" N`; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) <= _MOST_DEGREES else None  # an int may be too large for a float
    if not isinstance(value, str):
        return None
    parts = re.fullmatch(
        r"([+-]?[\d.]{1,20})(?: deg)?(?: ([\d.]{1,20})')?(?: ([\d.]{1,20})\")?\s*([NSEW]?)[a-z]*", value, re.ASCII
    )
    try:
        numbers = [float(part or 0) for part in parts.groups()[:3]] if parts else []
    except ValueError:
        return None
    if not parts or not numbers:
        return None
    size = numbers[0] + numbers[1] / 60 + numbers[2] / 3600
    return -abs(size) if parts[4] in ("S", "W") else size


def _candidate(tag: Tag, metadata: Metadata, family: Family) -> Candidate | None:
    table = metadata.get(tag.group, {})
    text = _completed(tag, table)
    source = f"{tag.group}:{tag.name}" if family == "embedded" else f"xmp:{tag.name}"
    bare = Candidate(source, family, tag.role, tag.weight, text, most=tag.most)
    try:
        found = _read(text, tag.name)
    except NoSuchDateError as problem:
        return replace(bare, refused=str(problem))
    if found is None:
        return None
    found = _finer(found, tag, table)
    if found.is_utc:
        return replace(bare, instant=found.clock.replace(tzinfo=UTC), precision=found.precision)
    if tag.clock == "local" or found.offset is not None:
        trusted = tag.group in ("EXIF", "QuickTime", "PNG")
        return replace(bare, clock=found.clock, offset=found.offset, precision=found.precision, trusted_offset=trusted)
    if tag.clock == "quicktime":
        return _quicktime(replace(bare, precision=found.precision, lasts=_length(metadata)), found, metadata)
    return replace(bare, instant=found.clock.replace(tzinfo=UTC), precision=found.precision)


def _completed(tag: Tag, table: Mapping[str, Json]) -> str:
    """The tag's text, with the time of day that another tag holds for it; empty when there is none."""
    value = table.get(tag.name)
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)[:_MOST_TEXT]
    time = table.get(tag.time) if tag.time else None
    # IPTC has no time without a zone (IIM 2:60), so programs that know none write +00:00.
    return f"{text} {time[:_MOST_TEXT].removesuffix('+00:00')}" if isinstance(time, str) else text


def _read(text: str, name: str) -> Read | None:
    found = read(text)
    if found is None and name == "CreationTime" and text[:1].isalpha():  # PNG 11.3.3.2 proposes RFC 1123
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        return Read(moment.replace(tzinfo=None), "second", moment.utcoffset())
    return found


def _finer(found: Read, tag: Tag, table: Mapping[str, Json]) -> Read:
    """With the fraction of a second and the offset that stand in tags of their own."""
    fraction = str(table.get(tag.fraction, "")).strip() if tag.fraction else ""
    if found.precision == "second" and fraction.isascii() and fraction.isdigit() and not found.clock.microsecond:
        found = replace(found, clock=found.clock.replace(microsecond=int(fraction[:6].ljust(6, "0"))))
    if found.offset is None and tag.offset and isinstance(text := table.get(tag.offset), str):
        found = replace(found, offset=read_offset(text))
    return found


def _quicktime(bare: Candidate, found: Read, metadata: Metadata) -> Candidate:
    """QuickTime File Format, "Movie header atoms": seconds since 1904 in UTC. Some cameras write their local time."""
    maker = _maker(metadata)
    if maker.startswith(WRITES_LOCAL):
        return replace(bare, clock=found.clock, doubts=(f"{maker.split()[0]} writes local time where UTC belongs",))
    instant = found.clock.replace(tzinfo=UTC)
    return replace(bare, instant=instant, doubts=() if maker.startswith(WRITES_UTC) else (_NO_MAKER,))


def _length(metadata: Metadata) -> timedelta:
    """QuickTime:Duration as ExifTool writes it: `4.97 s` or `0:01:30`; nothing for days."""
    text = str(metadata.get("QuickTime", {}).get("Duration", ""))[:_MOST_TEXT]
    if found := re.fullmatch(r"(\d{1,3}\.\d{1,6}) s", text, re.ASCII):
        return timedelta(seconds=float(found[1]))
    if found := re.fullmatch(r"(\d{1,2}):(\d\d):(\d\d)", text, re.ASCII):
        return timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=int(found[3]))
    return timedelta(0)


def _maker(metadata: Metadata) -> str:
    """Who made the camera, in small letters; empty when nothing tells."""
    for group, name in (
        ("QuickTime", "Make"), ("EXIF", "Make"), ("MakerNotes", "Make"), ("XMP", "Make"),
        ("QuickTime", "Model"), ("QuickTime", "CompressorName"), ("QuickTime", "HandlerDescription"),
    ):  # fmt: skip
        words = str(metadata.get(group, {}).get(name, "")).strip().lower()
        if words.startswith((*WRITES_LOCAL, *WRITES_UTC)):
            return words
    if "AndroidVersion" in metadata.get("QuickTime", {}):
        return "google android"
    return ""


def _satellite(metadata: Metadata) -> Iterator[Candidate]:
    """GPSDateStamp and GPSTimeStamp: UTC by EXIF 3.0 4.6.6.1.8, of the last fix, that may be some minutes old."""
    table = metadata.get("GPS", {})
    day, time = str(table.get("GPSDateStamp", ""))[:_MOST_TEXT], str(table.get("GPSTimeStamp", ""))[:_MOST_TEXT]
    text = f"{day} {time}"
    if not (clock := _TIME.fullmatch(time.strip())) or not day.strip():
        return
    bare = Candidate("GPS:GPSDateStamp", "satellite", "satellite", SATELLITE_WEIGHT, text, most="medium")
    try:
        date = read(day)
        if date is None or date.precision != "day":
            return
        hour, minute, second = (int(part) for part in clock.groups()[:3])
        whole = clock_of((date.clock.year, date.clock.month, date.clock.day), (hour, minute, second))
    except NoSuchDateError as problem:
        yield replace(bare, refused=str(problem))
    else:
        yield replace(bare, instant=whole.replace(tzinfo=UTC))
