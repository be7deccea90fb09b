"""What speaks against an answer, and how unsure it makes it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from .agreement import Zone, agreement, local, shifted
from .model import AT, Candidate, Confidence
from .words import shown

_STRONG = 45.0  # worth from which another date makes the answer doubtful
_WEAK = 40  # weight from which it does not let it be sure, whatever is doubted about it
_DAY = timedelta(days=1)
_STALE = timedelta(days=2)  # a satellite's date may be that of the last fix
_ROLLOVER = timedelta(weeks=1024)  # the week number of GPS has ten bits
_LATER = ("sent", "saved", "modified", "file")  # never before the picture

Contradiction = tuple[Confidence, str]


def contradictions(leader: Candidate, others: Sequence[Candidate], zone: Zone) -> Iterator[Contradiction]:
    """What of `others` speaks against the leader: the confidence that is left at most, and why, in words."""
    for other in others:
        if other is leader or agreement(leader, other, zone):
            continue
        after = local(leader, zone) - local(other, zone)
        if other.role == "satellite":
            yield from _satellite(other, after, zone)
        elif other.role in _LATER:
            yield from _order(other, after, zone)
        elif other.family == leader.family:
            yield from _sibling(leader, other, after, zone)
        elif other.role in AT and other.weight >= _WEAK:
            yield _witness(leader, other, zone)


def _satellite(other: Candidate, after: timedelta, zone: Zone) -> Iterator[Contradiction]:
    if abs(abs(after) - _ROLLOVER) <= _STALE:
        return  # the receiver's, not the camera's fault
    if abs(after) > _STALE:
        yield "low", f"the satellites' time is another: {shown(other, zone)}"


def _order(other: Candidate, after: timedelta, zone: Zone) -> Iterator[Contradiction]:
    if after > _DAY and other.most != "none":
        most: Confidence = "low" if other.role in ("sent", "saved") else "medium"
        yield most, f"{other.source} is earlier, which it cannot be: {shown(other, zone)}"


def _sibling(leader: Candidate, other: Candidate, after: timedelta, zone: Zone) -> Iterator[Contradiction]:
    """Of the same writer. Later ones are those of a scan or a copy."""
    if leader.role == "taken" and other.role == "taken" and abs(after) > _DAY and other.worth >= _STRONG:
        yield "medium", f"{other.source} says another date: {shown(other, zone)}"
    elif after > _DAY and other.worth >= _STRONG:
        yield "medium", f"{other.source} is earlier: {shown(other, zone)}"


def _witness(leader: Candidate, other: Candidate, zone: Zone) -> Contradiction:
    if shifted(leader, other):
        return (
            "medium",
            f"{other.source} says the same in another zone, or with another summer time: {shown(other, zone)}",
        )
    most: Confidence = "low" if other.worth >= _STRONG else "medium"
    return most, f"{other.source} says another date: {shown(other, zone)}"
