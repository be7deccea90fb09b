"""Dates as ExifTool prints them, and as XMP and IPTC write them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from .model import Precision

# EXIF 3.0 4.6.5.1.12 (`YYYY:MM:DD HH:MM:SS`), XMP part 1 8.2.1.1 (any ISO 8601 from the year on), IPTC IIM 2:55.
_DATE = re.compile(
    r"(\d{4})(?:[:/-](\d\d)(?:[:/-](\d\d)(?:[ T]+(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?)?\s*(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_MOST_OFFSET = timedelta(hours=14)  # Kiritimati; the least is -12
_FIRST_YEAR, _LAST_YEAR = 1000, 9998  # any offset may be added without leaving the calendar
_EMPTY_YEARS = frozenset({"0000", "0001"})  # `0000:00:00 00:00:00` and .NET's `0001:01:01` mean: none


class NoSuchDateError(ValueError):
    """A text in the form of a date that names no day or no time of day."""


@dataclass(frozen=True, slots=True)
class Read:
    """A date that was read. `clock` is naive."""

    clock: datetime
    precision: Precision
    offset: timedelta | None = None
    is_utc: bool = False  # written with Z, which tells no local time (RFC 3339 4.3)


def read(text: str) -> Read | None:
    """A date, or None when the text is none, or an empty one. Raises `NoSuchDateError` for an impossible one."""
    found = _DATE.fullmatch(text.strip())
    if not found or found[1] in _EMPTY_YEARS:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    precision = _precision(month, day, has_time=found[4] is not None, has_seconds=found[6] is not None)
    if precision in ("year", "month") and (hour or minute or second):
        msg = f"no such date: {text.strip()}"
        raise NoSuchDateError(msg)
    clock = clock_of((year, month or 1, day or 1), (hour, minute, second), found[7] or "")
    if found[8] == "Z":
        return Read(clock, precision, is_utc=True)
    return Read(clock, precision, read_offset(found[8] or ""))


def clock_of(day: tuple[int, int, int], time: tuple[int, int, int] = (0, 0, 0), fraction: str = "") -> datetime:
    """A clock's reading; a leap second is 59. `fraction`: digits after the point. Raises `NoSuchDateError`."""
    hour, minute, second = time
    if second == 60:  # noqa: PLR2004  a leap second
        second = 59
    micro = int(fraction[:6].ljust(6, "0")) if fraction.isdigit() else 0
    msg = f"no such date: {day[0]:04}-{day[1]:02}-{day[2]:02} {hour:02}:{minute:02}:{second:02}"
    if not _FIRST_YEAR <= day[0] <= _LAST_YEAR:
        raise NoSuchDateError(msg)
    try:
        return datetime(*day, hour, minute, second, micro)  # noqa: DTZ001  a clock's reading has no zone
    except ValueError as problem:
        raise NoSuchDateError(msg) from problem


def read_offset(text: str) -> timedelta | None:
    """`+02:00`, `-0330` or `Z`; None for anything else, and for what no place on Earth has."""
    if text.strip() == "Z":
        return timedelta(0)
    found = _OFFSET.fullmatch(text.strip())
    if not found or int(found[3]) > 59:  # noqa: PLR2004  of an hour
        return None
    size = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return None if size > _MOST_OFFSET else -size if found[1] == "-" else size


def _precision(month: int, day: int, *, has_time: bool, has_seconds: bool) -> Precision:
    """IPTC writes 00 for a month or a day that is not known."""
    if not month:
        return "year"
    if not day:
        return "month"
    if not has_time:
        return "day"
    return "second" if has_seconds else "minute"
