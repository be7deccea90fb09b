"""All dates of a file in their order, and where they contradict each other.

A date without an offset is a clock's reading somewhere on Earth; compared with one whose offset is known, it may be off
by the 14 hours that the zones of the Earth reach from UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from .dates import Impossible, Moment, gather
from .model import Confidence, Examined, Finding, NotApplicable, Subject

METHOD = "comparison of all dates in the metadata"
_TOLERANCE = timedelta(seconds=2)
_ZONES = timedelta(hours=14)
_STALE_FIX = timedelta(minutes=10)  # a receiver may keep an old fix for a while
_QUARTER = timedelta(minutes=15)  # all zones in use are whole quarters of an hour from UTC
_WEST = timedelta(hours=-12)
_DEFAULTS = frozenset({(1904, 1, 1), (1970, 1, 1), (1980, 1, 1), (2000, 1, 1)})  # where clocks begin that nobody set
_NAME_TOLERANCE = timedelta(hours=38)  # the zones' 14 and a day
_MOST = 300


def examine(subject: Subject) -> Examined:
    """`dates` in order, each with `where`, `role`, `value`; findings for contradictions."""
    moments, impossible = gather(subject)
    if not moments and not impossible:
        msg = "its metadata hold no date"
        raise NotApplicable(msg)
    findings = [
        *_impossible(impossible),
        *_digitised_before_taken(moments),
        *_modified_before_created(moments),
        *_disagreeing(moments),
        *_against_satellite(moments),
        *_in_future(moments, subject.facts.received_at),
        *_never_set(moments),
        *_history(moments),
        *_against_name(moments),
    ]
    ordered = sorted(moments, key=lambda moment: (moment.utc or moment.clock.replace(tzinfo=None)).replace(tzinfo=None))
    return Examined({"dates": [moment.to_json() for moment in ordered[:_MOST]]}, tuple(findings))


def _pair(kind: str, what: str, one: Moment, other: Moment, confidence: Confidence) -> Finding:
    data = {"dates": [one.to_json(), other.to_json()]}
    return Finding(kind, what, f"{one.where}, {other.where}", confidence, METHOD, data)


def apart(earlier: Moment, later: Moment) -> timedelta:
    """By how much `later` is surely after `earlier`; negative or zero when it may not be."""
    doubt = timedelta(0) if earlier.exact and later.exact else timedelta(days=1)
    if earlier.utc is not None and later.utc is not None:
        return later.utc - earlier.utc - doubt
    if (earlier.utc is None) != (later.utc is None):
        doubt += _ZONES
    base, end = earlier.utc or earlier.clock, later.utc or later.clock
    return end.replace(tzinfo=None) - base.replace(tzinfo=None) - doubt


def _sure(one: Moment, other: Moment) -> Confidence:
    return "high" if (one.offset is None) == (other.offset is None) else "medium"


def _roles(moments: list[Moment], *roles: str) -> list[Moment]:
    return [moment for moment in moments if moment.role in roles]


def _impossible(values: list[Impossible]) -> Iterator[Finding]:
    for one in values:
        what = f"{one.value!r} has the form of a date, and is none."
        yield Finding("impossibleDate", what, one.where, "high", METHOD, {"value": one.value})


def _digitised_before_taken(moments: list[Moment]) -> Iterator[Finding]:
    for taken in _roles(moments, "taken"):
        for digitised in _roles(moments, "digitised"):
            if digitised.group == taken.group and apart(digitised, taken) > _TOLERANCE:
                what = "By its dates the picture was digitised before it was taken."
                yield _pair("digitisedBeforeTaken", what, digitised, taken, _sure(digitised, taken))


def _modified_before_created(moments: list[Moment]) -> Iterator[Finding]:
    for modified in _roles(moments, "modified"):
        made = [one for one in _roles(moments, "taken", "digitised", "created") if one.group == modified.group]
        late = [one for one in made if apart(modified, one) > _TOLERANCE]
        if late:
            latest = max(late, key=lambda one: apart(modified, one))
            what = "By its dates the file was last changed before it was made."
            yield _pair("modifiedBeforeCreated", what, modified, latest, _sure(modified, latest))


def _disagreeing(moments: list[Moment]) -> Iterator[Finding]:
    """The same event, told differently by EXIF and by XMP, IPTC or QuickTime."""
    taken = _roles(moments, "taken")
    for first in taken[:1]:
        for other in taken[1:]:
            difference = abs(other.clock - first.clock)
            doubt = timedelta(0) if first.exact and other.exact else timedelta(days=1)
            same_instant = first.utc is not None and first.utc == other.utc
            if difference <= _TOLERANCE + doubt or same_instant or other.group == first.group:
                continue
            zones = difference <= _ZONES and difference % _QUARTER <= _TOLERANCE
            what = f"{first.where} and {other.where} name different times for the same event"
            what += "; the difference may be a time zone." if zones else "."
            yield _pair("datesDisagree", what, first, other, "low" if zones else "medium")


def _against_satellite(moments: list[Moment]) -> Iterator[Finding]:
    for fix in _roles(moments, "satellite")[:1]:
        taken = next((moment for moment in _roles(moments, "taken") if moment.exact), None)
        if taken is None or fix.utc is None:
            continue
        if taken.utc is not None:
            difference = abs(taken.utc - fix.utc)
            if difference > _STALE_FIX:
                what = f"The satellites' time and the camera's (with its offset) differ by {difference}."
                yield _pair("satelliteTimeMismatch", what, taken, fix, "medium")
            continue
        difference = taken.clock - fix.clock
        rest = difference % _QUARTER
        if not _WEST - _STALE_FIX <= difference <= _ZONES + _STALE_FIX:
            what = f"The satellites' and the camera's time differ by {abs(difference)}, which no time zone explains."
            yield _pair("satelliteTimeMismatch", what, taken, fix, "medium")
        elif min(rest, _QUARTER - rest) > timedelta(minutes=5):
            what = (
                "The satellites' and the camera's time differ by no whole quarter of an hour: the clock was not exact."
            )
            yield _pair("satelliteTimeOdd", what, taken, fix, "low")


def _in_future(moments: list[Moment], now: datetime) -> Iterator[Finding]:
    received = Moment("received", "received", now.replace(tzinfo=None), now.utcoffset())
    for moment in moments:
        if moment.role not in ("satellite", "name") and apart(received, moment) > _STALE_FIX:
            what = "The date lies after the moment at which the file was received."
            data = {"date": moment.to_json(), "receivedAt": now.isoformat()}
            yield Finding("futureDate", what, moment.where, "high", METHOD, data)


def _never_set(moments: list[Moment]) -> Iterator[Finding]:
    for moment in _roles(moments, "taken", "digitised"):
        if (moment.clock.year, moment.clock.month, moment.clock.day) in _DEFAULTS:
            what = f"{moment.clock.date()} is where clocks begin that were never set."
            yield Finding("clockNotSet", what, moment.where, "medium", METHOD, {"date": moment.to_json()})


def _history(moments: list[Moment]) -> Iterator[Finding]:
    steps = _roles(moments, "history")
    for one, following in pairwise(steps):
        if apart(following, one) > _TOLERANCE:
            what = "The steps of the editing history are not in the order of their dates."
            yield _pair("historyOutOfOrder", what, one, following, _sure(one, following))
            return


def _against_name(moments: list[Moment]) -> Iterator[Finding]:
    for named in _roles(moments, "name"):
        for taken in _roles(moments, "taken")[:1]:
            if abs(named.clock - taken.clock) > _NAME_TOLERANCE:
                yield _pair("nameDisagrees", "The file's name carries another date.", named, taken, "low")
