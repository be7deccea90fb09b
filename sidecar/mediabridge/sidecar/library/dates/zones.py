"""From local time to UTC and back: the machine's zone, the zone of a place, and what an offset may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_STEP = timedelta(minutes=15)  # every offset in use today is a multiple
_LEAST, _MOST = timedelta(hours=-12), timedelta(hours=14)


class MachineZone(tzinfo):
    """The system's local time, with its rules of summer time."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """What the C library says of that local time."""
        if moment is None:
            return None
        return moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, _moment: datetime | None) -> timedelta | None:
        """Not known apart."""
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        """As `CET`."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        """The local time of an instant."""
        return moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)


def zone_of(setting: str | None) -> tzinfo:
    """The zone that `TIMEZONE` names, the machine's without it."""
    return ZoneInfo(setting) if setting else MachineZone()


def zone_at(latitude: float, longitude: float) -> tzinfo | None:
    """The zone of a place on land; None on the high seas, and where no data for it is installed."""
    try:
        from tzfpy import get_tz  # noqa: PLC0415  40 MB that a process without positions does not need
    except ImportError:  # no wheel for this platform
        return None
    name = get_tz(longitude, latitude)
    if not name or name.startswith("Etc/"):
        return None  # ships keep whatever time they like
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def offset_in(zone: tzinfo, clock: datetime) -> timedelta | None:
    """The zone's offset at a local time; of an hour that comes twice, the first."""
    return clock.replace(tzinfo=zone).utcoffset()


def is_twofold(zone: tzinfo, clock: datetime) -> bool:
    """Whether that local time comes twice, when summer time ends, or not at all, when it begins."""
    return offset_in(zone, clock) != offset_in(zone, clock.replace(fold=1))


def local_in(zone: tzinfo, instant: datetime) -> tuple[datetime, timedelta]:
    """The local time of an instant, naive, and the offset then."""
    there = instant.astimezone(zone)
    return there.replace(tzinfo=None, fold=0), there.utcoffset() or timedelta(0)


def offset_between(clock: datetime, instant: datetime, tolerance: timedelta) -> timedelta | None:
    """The offset that makes a local time that instant; None when no offset in use does, within `tolerance`."""
    difference = clock - instant.replace(tzinfo=None)
    offset = round(difference / _STEP) * _STEP
    return offset if abs(difference - offset) <= tolerance and _LEAST <= offset <= _MOST else None
