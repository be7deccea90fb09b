"""The local time and the offset of the answer: from tags, satellites, the place, other dates, or the setting. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from .agreement import Zone, agreement, offset_of_both
from .model import AT, Candidate, Precision, ZoneSource
from .zones import is_twofold, local_in, offset_between, offset_in

_FIX = timedelta(minutes=2)  # how old a satellite's time may be to tell an offset, whose steps are 15 minutes
_TOLERANCE = timedelta(seconds=5)
_FULL = ("second", "minute")
_WORDS: dict[ZoneSource, str] = {
    "tag": "the offset stands beside it",
    "gps-time": "the offset is the difference to the satellites' time",
    "position": "the offset is that of the zone of its position",
    "utc-date": "the offset is the difference to {}, which is UTC",
    "setting": "the offset is assumed: the zone of the settings",
}
_Found = tuple[timedelta, ZoneSource, str]


@dataclass(frozen=True, slots=True)
class Told:
    """The answer's time. `reason` says where the offset is from; empty when there is none."""

    clock: datetime
    precision: Precision
    utc: datetime | None = None
    offset: timedelta | None = None
    zone_source: ZoneSource | None = None
    reason: str = ""


def told(finest: Candidate, usable: Sequence[Candidate], zone: Zone) -> Told:
    """The local time and UTC of the candidate whose time of day is used."""
    if finest.precision not in _FULL:
        return Told(finest.clock or _moved(finest, zone).clock, finest.precision)
    same = [one for one in usable if one is finest or (one.precision in _FULL and agreement(finest, one, zone))]
    if finest.clock is None:
        return _of_instant(finest, same, zone)
    return _of_clock(finest, finest.clock, [*same, *(one for one in usable if one.role == "satellite")], zone)


def _of_instant(finest: Candidate, same: Sequence[Candidate], zone: Zone) -> Told:
    """Local time from whoever tells it for the same moment, else from the place, else from the setting."""
    assert finest.instant is not None  # noqa: S101  the caller looked
    for one in sorted(same, key=lambda it: -it.worth):
        if one.clock is None or one.role not in AT:
            continue
        offset = offset_of_both(one, finest)
        if offset == timedelta(0) and one.offset is None and not zone.assumed:
            continue  # perhaps a UTC time itself
        if offset == timedelta(0) and one.offset is None:  # or the instant is a local time: both say this clock
            return _of_clock(one, one.clock, [one], zone)
        if offset is not None:
            return _told(one.clock, finest.precision, (offset, "utc-date", finest.source))
    return _moved(finest, zone)


def _moved(finest: Candidate, zone: Zone) -> Told:
    assert finest.instant is not None  # noqa: S101  the callers looked
    clock, offset = local_in(zone.zone, finest.instant)
    return _told(clock, finest.precision, (offset, "setting" if zone.assumed else "position", ""))


def _of_clock(finest: Candidate, clock: datetime, same: Sequence[Candidate], zone: Zone) -> Told:
    ways: tuple[Callable[[], _Found | None], ...] = (
        lambda: _by_tag([finest, *same], clock, trusted=True),
        lambda: _by_instant(clock, (one for one in same if one.role == "satellite"), _FIX, "gps-time"),
        lambda: _by_zone(clock, zone, assumed=False),
        lambda: _by_instant(clock, (one for one in same if one.role != "satellite"), _TOLERANCE, "utc-date"),
        lambda: _by_tag(same, clock, trusted=False),
        lambda: _by_zone(clock, zone, assumed=True),
    )
    found = next((found for way in ways if (found := way())), None)
    answer = _told(clock, finest.precision, found)
    if answer.zone_source in ("position", "setting") and is_twofold(zone.zone, clock):
        return replace(answer, reason=f"{answer.reason}; at that hour summer time changed, so it may be an hour off")
    return answer


def _by_tag(same: Sequence[Candidate], clock: datetime, *, trusted: bool) -> _Found | None:
    for one in same:
        near = one.clock is not None and abs(one.clock - clock) <= _TOLERANCE
        if near and one.offset is not None and one.trusted_offset is trusted:
            return one.offset, "tag", one.source
    return None


def _by_instant(
    clock: datetime, others: Iterable[Candidate], tolerance: timedelta, source: ZoneSource
) -> _Found | None:
    for one in others:
        if one.instant is None or one.role not in (*AT, "satellite"):
            continue
        offset = offset_between(clock, one.instant, tolerance)
        if offset is not None:
            return offset, source, one.source
    return None


def _by_zone(clock: datetime, zone: Zone, *, assumed: bool) -> _Found | None:
    offset = offset_in(zone.zone, clock) if zone.assumed is assumed else None
    return None if offset is None else (offset, "setting" if assumed else "position", "")


def _told(clock: datetime, precision: Precision, found: _Found | None) -> Told:
    if found is None:
        return Told(clock, precision)
    offset, source, who = found
    utc = (clock - offset).replace(tzinfo=UTC)
    return Told(clock, precision, utc, offset, source, _WORDS[source].format(who))
