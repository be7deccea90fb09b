"""All dates in a reading's metadata, each with the role that its tag gives it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from .model import Subject, plain

_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_IN_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)(?:[-_ T.]+([0-2]\d)[-_.]?([0-5]\d)[-_.]?([0-5]\d))?(?!\d)"
)
# A colour profile's date is its own, composites repeat others, and the satellite's is put together here.
_NOT_HERE = frozenset({"ICC_Profile", "Composite", "ExifTool", "File", "GPS"})
_FIRST_YEAR, _LAST_YEAR = 1000, 9998  # any offset may be added without leaving the calendar
_EMPTY_YEARS = frozenset({"0000", "0001"})  # `0000:00:00 00:00:00` and .NET's `0001:01:01` mean: none

# (group, tag) -> role; what is not here is "other".
_ROLES = {
    ("EXIF", "DateTimeOriginal"): "taken", ("XMP", "DateTimeOriginal"): "taken", ("XMP", "DateCreated"): "taken",
    ("IPTC", "DateCreated"): "taken",
    ("QuickTime", "ContentCreateDate"): "taken", ("QuickTime", "CreationDate"): "taken",
    ("EXIF", "CreateDate"): "digitised", ("XMP", "DateTimeDigitized"): "digitised",
    ("IPTC", "DigitalCreationDate"): "digitised",
    ("XMP", "CreateDate"): "created", ("PDF", "CreateDate"): "created", ("QuickTime", "CreateDate"): "created",
    ("PNG", "CreationTime"): "created", ("PNG", "CreateDate"): "created",
    ("EXIF", "ModifyDate"): "modified", ("XMP", "ModifyDate"): "modified", ("PDF", "ModifyDate"): "modified",
    ("QuickTime", "ModifyDate"): "modified", ("PNG", "ModifyDate"): "modified",
    ("XMP", "MetadataDate"): "metadata",
}  # fmt: skip
_OFFSET_TAG = {
    "DateTimeOriginal": "OffsetTimeOriginal",
    "CreateDate": "OffsetTimeDigitized",
    "ModifyDate": "OffsetTime",
}
_TIME_TAG = {"DateCreated": "TimeCreated", "DigitalCreationDate": "DigitalCreationTime"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A date as it stands in a tag: the clock's reading, and the offset from UTC where one is known."""

    where: str  # `EXIF:DateTimeOriginal`
    role: str  # taken, digitised, created, modified, metadata, satellite, history, name, other
    clock: datetime  # without a zone
    offset: timedelta | None = None
    exact: bool = True  # false for a date without a time of day

    @property
    def group(self) -> str:
        """The metadata group."""
        return self.where.partition(":")[0]

    @property
    def utc(self) -> datetime | None:
        """The instant, where the offset is known."""
        return None if self.offset is None else (self.clock - self.offset).replace(tzinfo=UTC)

    def to_json(self) -> dict[str, Any]:
        """`value` is RFC 3339, without an offset where none is known, without a time where there is none."""
        zoned = self.clock if self.offset is None else self.clock.replace(tzinfo=timezone(self.offset))
        value = zoned.isoformat() if self.exact else self.clock.date().isoformat()
        return {"where": self.where, "role": self.role, "value": value, "zoneKnown": self.offset is not None}


@dataclass(frozen=True, slots=True)
class Impossible:
    """A value of a date's form that is no date."""

    where: str
    value: str


def gather(subject: Subject) -> tuple[list[Moment], list[Impossible]]:
    """All dates, in the order of the metadata, and the values that look like dates and are none."""
    moments: list[Moment] = []
    impossible: list[Impossible] = []
    for where, role, text, offset in _texts(subject):
        try:
            moment = parse(text, where, role, offset)
        except ValueError:
            impossible.append(Impossible(where, text))
        else:
            moments += [moment] if moment else []
    moments += [*_satellite(subject.group("GPS")), *_in_name(subject.facts.name)]
    return moments, impossible


def parse(text: str, where: str, role: str, offset: str | None = None) -> Moment | None:
    """A date in ExifTool's form; None when it is none, or an empty one. Raises `ValueError` for an impossible one."""
    found = _DATE.fullmatch(text.strip())
    if not found or found[1] in _EMPTY_YEARS:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        msg = f"no year of a date: {year}"
        raise ValueError(msg)
    clock = datetime(year, month, day, hour, minute, min(second, 59))  # noqa: DTZ001  a clock's reading has no zone
    return Moment(where, role, clock, parse_offset(found[7] or offset or ""), exact=found[4] is not None)


def parse_offset(text: str) -> timedelta | None:
    """`+02:00`, `-0330` or `Z`; None for anything else."""
    if text.strip() == "Z":
        return timedelta(0)
    found = _OFFSET.fullmatch(text.strip())
    if not found or int(found[2]) > 23 or int(found[3]) > 59:  # noqa: PLR2004  of a day, of an hour
        return None
    size = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -size if found[1] == "-" else size


def _texts(subject: Subject) -> Iterator[tuple[str, str, str, str | None]]:
    """(where, role, text, offset from another tag) of all values that may be dates."""
    for group, table in subject.metadata.items():
        if group in _NOT_HERE:
            continue
        for name, value in table.items():
            where, tag = f"{group}:{name}", plain(name)
            role = _ROLES.get((group, tag), "other") if tag == name else "other"  # of a thumbnail, a second track
            if isinstance(value, str):
                yield where, role, *_completed(group, tag, value, table)
            elif tag == "History" and isinstance(value, list):
                stamps = [entry.get("When") for entry in value if isinstance(entry, dict)]
                yield from ((where, "history", stamp, None) for stamp in stamps if isinstance(stamp, str))


def _completed(group: str, tag: str, value: str, table: Mapping[str, Any]) -> tuple[str, str | None]:
    """A date with the time of day, and the offset, that other tags of its group hold for it."""
    if group == "IPTC" and isinstance(time := table.get(_TIME_TAG.get(tag, "")), str):
        # IPTC has no time without a zone, so programs that know none write +00:00.
        return f"{value} {time.removesuffix('+00:00')}", None
    offset = table.get(_OFFSET_TAG.get(tag, "")) if group == "EXIF" else None
    return value, offset if isinstance(offset, str) else None


def _satellite(table: Mapping[str, Any]) -> Iterator[Moment]:
    day, time = str(table.get("GPSDateStamp", "")), str(table.get("GPSTimeStamp", ""))
    if _TIME.fullmatch(time):
        try:
            moment = parse(f"{day} {time.partition('.')[0]}", "GPS:GPSDateStamp", "satellite", "+00:00")
        except ValueError:  # the position's own analysis speaks of it
            return
        yield from [moment] if moment else []


def _in_name(name: str) -> Iterator[Moment]:
    found = _IN_NAME.search(name)
    if found:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        try:
            clock = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  a clock's reading has no zone
        except ValueError:  # some other number
            return
        yield Moment("File:FileName", "name", clock, exact=found[4] is not None)
