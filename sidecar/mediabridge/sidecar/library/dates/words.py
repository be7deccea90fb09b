"""The reasons, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from .agreement import Agreement, Zone, local
from .model import Candidate, Precision, Role

_MEANS: dict[Role, str] = {
    "taken": "when it was taken",
    "digitised": "when it was digitised, which for cameras is when it was taken",
    "created": "when the file's content was made",
    "satellite": "the satellites' time of the last fix",
    "sent": "when it was sent or saved",
    "saved": "when it was saved",
    "modified": "when it was last changed",
    "file": "when the file was written",
}
_FORMS: dict[Precision, str] = {
    "second": "%Y-%m-%d %H:%M:%S",
    "minute": "%Y-%m-%d %H:%M",
    "day": "%Y-%m-%d",
    "month": "%Y-%m",
    "year": "%Y",
}
_SHOWN = 60  # characters of a value that is repeated


def said(candidate: Candidate, zone: Zone) -> str:
    """`EXIF:DateTimeOriginal says 2024-01-31 12:30:45 (when it was taken)`."""
    return f"{candidate.source} says {shown(candidate, zone)} ({_MEANS[candidate.role]})"


def shown(candidate: Candidate, zone: Zone) -> str:
    """Its time as far as it is known; in UTC when it tells no local one."""
    if candidate.clock is None and candidate.instant is not None:
        return f"{_written(candidate.instant, candidate.precision)} UTC"
    return _written(local(candidate, zone), candidate.precision)


def agreeing(witnesses: Sequence[tuple[Candidate, Agreement]]) -> str | None:
    """Who says the same, as one sentence; None when nobody does."""
    parts = [
        f"{words}: {', '.join(names)}"
        for how, words in (
            ("exact", "the same say"),
            ("zone", "the same moment in another zone say"),
            ("day", "the same, as far as they go, say"),
        )
        if (names := [candidate.source for candidate, found in witnesses if found == how])
    ]
    return "; ".join(parts) or None


def refusals(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """What was not counted, and why."""
    return tuple(
        f"{candidate.source} ({candidate.text[:_SHOWN]}) is not counted: {candidate.refused}"
        for candidate in candidates
        if candidate.refused
    )


def _written(moment: datetime, precision: Precision) -> str:
    return moment.strftime(_FORMS[precision])
