"""Whether two dates mean the same moment, and how surely. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from .model import PRECISIONS, Candidate
from .zones import local_in, offset_between

# `exact`: to the second. `zone`: so, if one of them is of another zone. `day`: as far as the coarser one tells.
Agreement = Literal["exact", "zone", "day"]

_TOLERANCE = timedelta(seconds=5)  # between pressing the button, the tag and the name; FAT counts in two seconds
_FILE_TOLERANCE = timedelta(seconds=10)  # until it is written
_STEPS_APART = timedelta(minutes=7)  # more, and every difference would be that of some zone
_FULL = ("second", "minute")


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone that is used where no tag tells one. `assumed`: it is the setting's, not that of the place."""

    zone: tzinfo
    assumed: bool


def local(candidate: Candidate, zone: Zone) -> datetime:
    """The candidate's local time; of an instant, that in the zone."""
    if candidate.clock is not None:
        return candidate.clock
    assert candidate.instant is not None  # noqa: S101  refused ones are not asked
    return local_in(zone.zone, candidate.instant)[0]


def agreement(one: Candidate, other: Candidate, zone: Zone) -> Agreement | None:
    """How far the two agree; None when they do not."""
    if one.precision not in _FULL or other.precision not in _FULL:
        return "day" if _same_day(one, other, zone) else None
    tolerance = tolerance_of(one, other)
    if abs(local(one, zone) - local(other, zone)) <= tolerance:
        return "exact"  # two zones' +00:00 and -08:00 beside the same clock are one moment: offsets are often wrong
    if one.utc is not None and other.utc is not None:
        return "exact" if abs(one.utc - other.utc) <= tolerance else None
    return None if offset_of_both(one, other) is None else "zone"


def shifted(one: Candidate, other: Candidate) -> bool:
    """Whether two local times differ by what two zones, or summer time, differ."""
    if one.clock is None or other.clock is None or "day" in (one.precision, other.precision):
        return False
    between = offset_between(one.clock, other.clock, min(tolerance_of(one, other), _STEPS_APART))
    return between is not None and between != timedelta(0)


def offset_of_both(one: Candidate, other: Candidate) -> timedelta | None:
    """The offset that makes one's local time the other's instant; None when none does."""
    tolerance = min(tolerance_of(one, other), _STEPS_APART)
    if one.clock is None or other.instant is None:
        one, other = other, one
    if one.clock is None or other.instant is None:
        return None
    return offset_between(one.clock, other.instant, tolerance)


def _same_day(one: Candidate, other: Candidate, zone: Zone) -> bool:
    coarser = max(one.precision, other.precision, key=PRECISIONS.index)
    parts = {"day": 3, "month": 2}.get(coarser, 1)
    first, second = (local(it, zone).timetuple()[:parts] for it in (one, other))
    return first == second


def tolerance_of(one: Candidate, other: Candidate) -> timedelta:
    """How far two that mean the same moment may be apart."""
    if "minute" in (one.precision, other.precision):
        return timedelta(minutes=1)
    between = _FILE_TOLERANCE if "file" in (one.family, other.family) else _TOLERANCE
    return between + max(one.lasts, other.lasts)
