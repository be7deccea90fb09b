"""Times as the database holds them, and as people read and write them. Pure.

A whole number of microseconds since 1970: of UTC for what we did, of the clock on the wall for when a picture was
taken.
"""

from __future__ import annotations

import time
from calendar import isleap, monthrange
from datetime import UTC, date, datetime, timedelta

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  clocks on walls have no zone
_US = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_MOST_OFFSET = 18 * 60  # minutes; ISO 8601 has no larger ones, the earth 14 hours


def now_us() -> int:
    """Now."""
    return time.time_ns() // 1000


def us_of(clock: datetime) -> int:
    """Of a naive time."""
    return (clock - _EPOCH) // _US


def clock_of(us: int) -> datetime:
    """The naive time. Raises `OverflowError` outside of the years 1 to 9999."""
    return _EPOCH + us * _US


def month_of(us: int) -> int:
    """The month as 202401."""
    clock = clock_of(us)
    return clock.year * 100 + clock.month


def utc_text(us: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return clock_of(us).isoformat(timespec="milliseconds") + "Z"


def clock_text(us: int) -> str:
    """The time on the wall, without a zone; fractions of a second where there are any."""
    return clock_of(us).isoformat()


def month_text(month: int) -> str:
    """`2024-01` of 202401."""
    return f"{month // 100:04}-{month % 100:02}"


def bound(text: str, *, last: bool) -> int:
    """The first or the last microsecond of what is written: `2024`, `2024-01`, `2024-01-31`, a time without a zone.

    Raises `ValueError` in a person's words.
    """
    first, length = _span(text)
    return us_of(first) + length // _US - 1 if last else us_of(first)


def _span(text: str) -> tuple[datetime, timedelta]:
    """Beginning and length: the end of the last year is no time that Python has."""
    try:
        if len(text) == len("2024") and text.isascii() and text.isdigit():
            year = int(text)
            return _start(date(year, 1, 1)), (365 + isleap(year)) * _DAY
        if len(text) == len("2024-01"):
            first = date.fromisoformat(f"{text}-01")
            return _start(first), monthrange(first.year, first.month)[1] * _DAY
        if len(text) == len("2024-01-31"):
            return _start(date.fromisoformat(text)), _DAY
        moment = datetime.fromisoformat(text)
    except ValueError as problem:
        msg = "it is no date (as 2024, 2024-01, 2024-01-31 or 2024-01-31T12:00:00)"
        raise ValueError(msg) from problem
    if moment.tzinfo is not None:
        msg = "it has a zone; dates of the library are those of the clock on the wall"
        raise ValueError(msg)
    return moment, _US if moment.microsecond else timedelta(seconds=1)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001


def chosen(text: str) -> tuple[int, int | None]:
    """A date that somebody chooses: the time on the wall, and the minutes from UTC where they are written.

    A day alone is its noon, which no zone moves to another day. Raises `ValueError` in a person's words.
    """
    try:
        if len(text) == len("2024-01-31"):
            moment = _start(date.fromisoformat(text)).replace(hour=12)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError as problem:
        msg = "it is no date (as 2024-01-31, 2024-01-31T12:00:00 or 2024-01-31T12:00:00+01:00)"
        raise ValueError(msg) from problem
    offset = moment.utcoffset()
    minutes = None if offset is None else round(offset / timedelta(minutes=1))
    if minutes is not None and abs(minutes) > _MOST_OFFSET:
        msg = "its offset from UTC is larger than there are on earth"
        raise ValueError(msg)
    return us_of(moment.replace(tzinfo=None)), minutes


def offset_text(minutes: int) -> str:
    """`+01:00`."""
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def utc_of(us: int, offset_min: int) -> datetime:
    """The instant, aware. Raises `OverflowError`."""
    return (clock_of(us) - timedelta(minutes=offset_min)).replace(tzinfo=UTC)
