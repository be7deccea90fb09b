"""One file of the library as an export sees it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from mediabridge.sidecar.library.dates.model import CONFIDENCES
from mediabridge.sidecar.library.moments import clock_of, clock_text, offset_text

from .options import Options

_FORM = 1  # of what is written; another number makes earlier copies be made anew


@dataclass(frozen=True, slots=True)
class Xmp:
    """An XMP file beside an original: the bytes of its path, and what it was when it was looked at."""

    path: bytes
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`step` is the number of its step in the job; `path` the bytes of its path, None for what is in the store.

    `taken_us` by the clock on the wall, None without a date that counts. `offset_min` from UTC where it is known;
    `assumed`: it was taken from the setting alone.
    """

    step: int
    key: bytes
    file_id: int
    path: bytes | None
    name: str
    size: int
    sha256: str
    mime_type: str
    taken_us: int | None
    offset_min: int | None
    assumed: bool
    confidence: str
    chosen: bool
    tags: tuple[str, ...]
    precision: str | None = None
    xmp: Xmp | None = None

    @property
    def writes_date(self) -> bool:
        """Whether the date is sure enough to stand in the copy: a guess that is written down reads as a fact."""
        return self.taken_us is not None and (self.chosen or self.confidence in ("medium", "high"))

    def utc(self, zone: tzinfo | None) -> datetime | None:
        """When it was taken, by `zone` (None: the machine's) where no offset is known; None outside of the years."""
        if self.taken_us is None:
            return None
        try:
            clock = clock_of(self.taken_us)
            if self.offset_min is not None:
                return _utc(clock, timedelta(minutes=self.offset_min))
            aware = clock.astimezone() if zone is None else clock.replace(tzinfo=zone)
            return _utc(clock, aware.utcoffset() or timedelta(0))
        except (OverflowError, ValueError, OSError):
            return None

    def recipe(self, options: Options) -> str:
        """The same for the same copy: another export to the same folder needs not make it again."""
        asked = [_FORM, options.target, options.metadata, self.sha256, self.name, self.taken_us, self.offset_min]
        beside = [] if self.xmp is None else [_text(self.xmp.path), self.xmp.size, self.xmp.mtime_ns]
        text = json.dumps([*asked, self.assumed, self.writes_date, self.tags, *beside])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def told(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "id": self.file_id,
            "source": self.name if self.path is None else _text(self.path),
            "sourceSha256": self.sha256,
            "date": None if self.taken_us is None else clock_text(self.taken_us),
            "offset": None if self.offset_min is None else offset_text(self.offset_min),
            "confidence": self.confidence,
            "precision": self.precision,
            "tags": list(self.tags),
            "sidecarSource": None if self.xmp is None else _text(self.xmp.path),
        }


def counts(confidence: str, options: Options, *, chosen: bool) -> bool:
    """Whether a date is one for this export."""
    return chosen or (
        confidence in CONFIDENCES and CONFIDENCES.index(confidence) >= CONFIDENCES.index(options.least_confidence)
    )


def is_assumed(taken: Any) -> bool:
    """Whether the offset in the evidence of a date is that of the setting."""
    return isinstance(taken, Mapping) and taken.get("zoneSource") == "setting"


def precision_of(taken: Any) -> str | None:
    """To what a date is known: `second`, `day`, …"""
    found = taken.get("precision") if isinstance(taken, Mapping) else None
    return found if isinstance(found, str) else None


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def _utc(clock: datetime, offset: timedelta) -> datetime:
    return clock - offset
