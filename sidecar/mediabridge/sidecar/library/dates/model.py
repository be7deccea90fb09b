"""What is asked and what is answered. Clocks are naive datetimes as the camera showed them; `utc` is always aware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal

Json = Any
Metadata = Mapping[str, Mapping[str, Json]]  # group -> tag -> value, as `POST /api/extract` answers it
Precision = Literal["second", "minute", "day", "month", "year"]
Confidence = Literal["high", "medium", "low", "none"]
Family = Literal["embedded", "sidecar", "name", "satellite", "file"]  # witnesses of one family are not independent
# What a date is the date of. All but the first four may be later than the picture, and never earlier.
Role = Literal["taken", "digitised", "created", "satellite", "sent", "saved", "modified", "file"]
AT: tuple[Role, ...] = ("taken", "digitised", "created")  # those that mean the moment itself
ZoneSource = Literal["tag", "gps-time", "position", "utc-date", "setting"]

PRECISIONS: tuple[Precision, ...] = ("second", "minute", "day", "month", "year")
CONFIDENCES: tuple[Confidence, ...] = ("none", "low", "medium", "high")
ZoneAt = Callable[[float, float], tzinfo | None]  # latitude, longitude in degrees -> the zone there


def least(*confidences: Confidence) -> Confidence:
    """The lowest of them."""
    return min(confidences, key=CONFIDENCES.index)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One date that a source tells.

    Either `clock` (the local time) or `instant` (UTC) is known, or both through `offset`; neither when `refused` says
    that the text is no date. `weight`: 0 to 100, how well such a source is to be believed. `most`: the confidence that
    it can give at most; `doubts` say why it is less than it could be.
    """

    source: str  # `EXIF:DateTimeOriginal`, `name`, `takeout:photoTakenTime`, `file:modified`
    family: Family
    role: Role
    weight: int
    text: str
    clock: datetime | None = None
    instant: datetime | None = None
    offset: timedelta | None = None
    precision: Precision = "second"
    most: Confidence = "high"
    doubts: tuple[str, ...] = ()
    refused: str | None = None
    lasts: timedelta = timedelta(0)  # of a film: phones write the date of its end, and its beginning into its name
    trusted_offset: bool = True  # false for offsets that editing programs write of their own machine

    @property
    def utc(self) -> datetime | None:
        """The instant, where it is known without an assumption."""
        if self.instant is None and self.clock is not None and self.offset is not None:
            return (self.clock - self.offset).replace(tzinfo=UTC)
        return self.instant

    @property
    def worth(self) -> float:
        """The weight, less for what is doubted."""
        return self.weight * {"high": 1.0, "medium": 0.8, "low": 0.4, "none": 0.0}[self.most]

    def to_json(self) -> dict[str, Json]:
        """`value` is RFC 3339 as far as it is known: without an offset, without a time of day, or null."""
        value = _text(self.clock, self.offset, self.precision) if self.clock else None
        if value is None and self.instant:
            value = _text(self.instant.replace(tzinfo=None), timedelta(0), self.precision)
        return {
            "source": self.source,
            "role": self.role,
            "weight": self.weight,
            "text": _sound(self.text),
            "value": value,
            "precision": self.precision,
            "doubts": list(self.doubts),
            "refused": self.refused,
        }


@dataclass(frozen=True, slots=True)
class FileDates:
    """Of the file in its folder, before it was copied to us; aware. `created` where the system knows it."""

    modified: datetime | None = None
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a file beside the picture tells of it. `position`: latitude and longitude in degrees."""

    kind: Literal["takeout", "xmp"]
    dates: tuple[Candidate, ...] = ()
    position: tuple[float, float] | None = None
    title: str | None = None  # the original name of the picture, not shortened
    description: str | None = None
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one file. `zone`: of times that carry none; `now`: aware, dates after it are refused."""

    metadata: Metadata
    name: str
    zone: tzinfo
    now: datetime
    files: FileDates = field(default_factory=FileDates)
    sidecars: tuple[Sidecar, ...] = ()
    zone_at: ZoneAt | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer. `moment`: the local time, naive; None exactly when the confidence is `none`.

    `utc` is None when not even the setting gives an offset, or the time of day is not known. `zone_source` tells where
    the offset is from; `setting` means that it is assumed. `source`: of the candidate that `moment` is from.
    """

    moment: datetime | None
    utc: datetime | None
    offset: timedelta | None
    zone_source: ZoneSource | None
    precision: Precision | None
    confidence: Confidence
    source: str | None
    reasons: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    @property
    def of_camera(self) -> datetime | None:
        """`moment`, when the camera's own tags tell it to the second: what tells a copy from the next frame."""
        sure = self.confidence in ("high", "medium") and self.precision == "second"
        return self.moment if sure and (self.source or "").startswith(("EXIF:", "QuickTime:", "XMP:DateTime")) else None

    def to_json(self) -> dict[str, Json]:
        """As an answer and a database hold it: RFC 3339, offsets in minutes."""
        moment = _text(self.moment, None, self.precision) if self.moment and self.precision else None
        return {
            "moment": moment,
            "utc": self.utc.isoformat().replace("+00:00", "Z") if self.utc else None,
            "offsetMinutes": None if self.offset is None else round(self.offset / timedelta(minutes=1)),
            "zoneSource": self.zone_source,
            "precision": self.precision,
            "confidence": self.confidence,
            "source": self.source,
            "ofCamera": self.of_camera is not None,
            "reasons": [_sound(reason) for reason in self.reasons],
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }


def _sound(text: str) -> str:
    """Without the halves of characters by which Python stands for bytes of file names that are no text."""
    return text.encode("utf-8", "replace").decode()


def _text(clock: datetime, offset: timedelta | None, precision: Precision) -> str:
    if precision in ("second", "minute"):
        return (clock if offset is None else clock.replace(tzinfo=timezone(offset))).isoformat()
    return clock.date().isoformat()[: {"day": 10, "month": 7}.get(precision, 4)]
