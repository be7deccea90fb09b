"""Which dates cannot be those of a picture, and which are doubtful: reset clocks, the future, placeholders. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from .model import Candidate, Confidence, least

_AHEAD = timedelta(hours=26)  # the zone furthest ahead, and half a day of a clock that goes wrong
_FIRST_PICTURE = 1826  # Niépce's view from the window
_FIRST_CAMERA = 1990  # the first digital ones that were sold
_FIRST_QUICKTIME = 1991
# Where clocks and counters begin: QuickTime and HFS, Unix, FAT, NTFS.
_EPOCHS = {1904: "QuickTime", 1970: "Unix", 1980: "FAT", 1601: "Windows"}
_NOON_S = 12 * 3600
_RESET_S = 600  # a clock that has just begun anew


def judged(candidate: Candidate, now: datetime) -> Candidate:
    """The candidate, with `refused` or `doubts` where its date deserves them."""
    moment = candidate.clock or (candidate.instant and candidate.instant.replace(tzinfo=None))
    if candidate.refused or moment is None:
        return candidate
    refused = _refused(candidate, moment, now.replace(tzinfo=None))
    return replace(candidate, refused=refused) if refused else _doubted(candidate, moment)


def _refused(candidate: Candidate, moment: datetime, now: datetime) -> str | None:
    if moment > now + _AHEAD:
        return "it lies in the future"
    if moment.year < _FIRST_PICTURE:
        return "it lies before photography"
    if moment.year < _FIRST_QUICKTIME and candidate.source.startswith("QuickTime:") and candidate.instant:
        return "it lies before QuickTime"
    for year, system in _EPOCHS.items():
        start = datetime(year, 1, 1)  # noqa: DTZ001  compared with clocks
        # One day on either side: the zero was shifted by an offset.
        if candidate.family != "name" and abs(moment - start) <= timedelta(days=1) and candidate.precision == "second":
            return f"it is the zero of {system}'s clocks"
    if moment.year == 2000 and (moment.month, moment.day) == (1, 1) and _since_midnight(moment) < _RESET_S:  # noqa: PLR2004
        return "it is where the clocks of many cameras begin after their battery was empty"
    return None


def _doubted(candidate: Candidate, moment: datetime) -> Candidate:
    doubts: list[str] = []
    most: Confidence = candidate.most
    precision = candidate.precision
    first = (moment.month, moment.day) == (1, 1)
    midnight = precision in ("second", "minute") and _since_midnight(moment) == 0 and not moment.microsecond
    if first and precision == "second" and _is_a_beginning(moment):
        most = least(most, "low")
        doubts.append("January 1st at midnight or noon: a clock that was reset, or only the year is known")
    elif first and moment.year == 2000:  # noqa: PLR2004
        most = least(most, "low")
        doubts.append("January 1st, 2000: a clock that was reset not long before")
    elif midnight and candidate.clock is not None:
        most = least(most, "medium")
        precision = "day"
        doubts.append("exactly midnight: the time of day seems not to be known")
    if moment.year < _FIRST_CAMERA:
        most = least(most, "medium")
        doubts.append("older than digital cameras: somebody entered it, or a clock was wrong")
    if precision in ("month", "year"):
        most = least(most, "low")
        doubts.append(f"only the {precision} is known")
    return replace(candidate, most=most, precision=precision, doubts=(*candidate.doubts, *doubts))


def _is_a_beginning(moment: datetime) -> bool:
    """Whether a clock that was reset shows it: those of most makers begin at midnight, Nikon's at noon."""
    return _since_midnight(moment) < _RESET_S or _since_midnight(moment) == _NOON_S


def _since_midnight(moment: datetime) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second
