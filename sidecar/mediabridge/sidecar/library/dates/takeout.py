"""The JSON that Google Takeout puts beside each picture of Google Photos. Pure.

Google documents neither fields nor names; these are what exports hold: `photoTakenTime` and `creationTime` (of the
upload) in seconds since 1970, `geoData` with 0, 0 for none, `title` with the name before it was shortened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from .model import Candidate, Json, Sidecar
from .sources import TAKEOUT_WEIGHT

MOST_BYTES = 1024 * 1024  # of one sidecar; they have 1 KB
_UPLOADED_AT_ONCE_S = 60
_MOST_SECONDS = 253_402_300_799 - 86_400 * 366  # a year before the end of the calendar
_MOST_WORDS = 10_000


class SidecarError(ValueError):
    """A file that is no sidecar of a picture; `str()` says why in plain words."""


def read_takeout(data: bytes) -> Sidecar:
    """What a Takeout JSON tells. Raises `SidecarError`, for the JSON of an album too."""
    if len(data) > MOST_BYTES:
        msg = f"it has more than {MOST_BYTES} bytes"
        raise SidecarError(msg)
    try:
        table = json.loads(data)
    except (ValueError, RecursionError) as problem:
        msg = "it is no JSON"
        raise SidecarError(msg) from problem
    if not isinstance(table, dict) or not isinstance(table.get("photoTakenTime"), dict):
        msg = "it has no photoTakenTime, so it is no sidecar of a picture"
        raise SidecarError(msg)
    taken, uploaded = (_seconds(table.get(name)) for name in ("photoTakenTime", "creationTime"))
    return Sidecar(
        "takeout",
        (_date(taken, uploaded),) if taken is not None else (),
        _position(table.get("geoData")) or _position(table.get("geoDataExif")),
        _words(table.get("title")),
        _words(table.get("description")),
        tuple(
            name
            for person in _list(table.get("people"))
            if isinstance(person, dict) and (name := _words(person.get("name")))
        ),
    )


def _date(taken: int, uploaded: int | None) -> Candidate:
    source = "takeout:photoTakenTime"
    found = Candidate(source, "sidecar", "taken", TAKEOUT_WEIGHT, str(taken), instant=_moment(taken), most="medium")
    if uploaded is None or abs(uploaded - taken) > _UPLOADED_AT_ONCE_S:
        return found
    # Google gives pictures without a date the time of their upload.
    doubt = "Google's time is that of the upload, as it is for pictures whose date Google did not know"
    return Candidate(source, "sidecar", "saved", 30, str(taken), instant=_moment(taken), most="low", doubts=(doubt,))


def _moment(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _seconds(value: Json) -> int | None:
    text = str(value.get("timestamp", "")) if isinstance(value, Mapping) else ""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):  # noqa: PLR2004  int() of endless ones is slow
        return None
    return int(text) if abs(int(text)) <= _MOST_SECONDS and int(text) > -_MOST_SECONDS // 8 else None


def _position(value: Json) -> tuple[float, float] | None:
    if not isinstance(value, Mapping):
        return None
    latitude, longitude = value.get("latitude"), value.get("longitude")
    for one in (latitude, longitude):
        if isinstance(one, bool) or not isinstance(one, int | float):
            return None
    where = float(latitude or 0), float(longitude or 0)
    inside = abs(where[0]) <= 90 and abs(where[1]) <= 180  # noqa: PLR2004  of a globe
    return where if inside and where != (0.0, 0.0) else None


def _words(value: Json) -> str | None:
    return value[:_MOST_WORDS] if isinstance(value, str) and value else None


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
