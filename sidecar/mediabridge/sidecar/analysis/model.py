"""What every analysis is given and gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mediabridge.sidecar import containers

Json = Any  # str | int | float | bool | None | list[Json] | dict[str, Json]
Confidence = Literal["low", "medium", "high"]


class NotApplicable(Exception):  # noqa: N818  nothing is in error
    """This analysis has nothing to say of this file; `str()` is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. `confidence` is that the fact is so, not that anything is wrong with the file.

    `what` is a sentence, `where` a tag (`EXIF:DateTimeOriginal`) or a place in the file (`byte 1204`), `method` says
    how it was found, `data` holds the figures.
    """

    kind: str
    what: str
    where: str
    confidence: Confidence
    method: str
    data: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self, analysis: str) -> dict[str, Json]:
        """As the answer shows it."""
        return {
            "analysis": analysis,
            "kind": self.kind,
            "what": self.what,
            "where": self.where,
            "confidence": self.confidence,
            "method": self.method,
            "data": dict(self.data),
        }


@dataclass(frozen=True, slots=True)
class Examined:
    """The answer of one analysis: neutral facts, and findings that somebody should look at."""

    facts: Mapping[str, Json] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an upload beside its bytes. `received_at` has a zone; dates after it lie in the future."""

    name: str
    extension: str
    sha256: str
    received_at: datetime

    def to_json(self) -> dict[str, Json]:
        """For the child process; see `from_json`."""
        return {
            "name": self.name,
            "extension": self.extension,
            "sha256": self.sha256,
            "received_at": self.received_at.isoformat(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Facts:
        """What `to_json` made."""
        return cls(**{**value, "received_at": datetime.fromisoformat(value["received_at"])})


@dataclass(frozen=True)
class Subject:
    """The file under examination. `metadata` is a reading's: group -> tag -> value."""

    path: Path
    metadata: Mapping[str, Mapping[str, Json]]
    facts: Facts

    @cached_property
    def layout(self) -> containers.Layout | None:
        """Its parts; None for a format whose container we do not walk through. Raises `OSError`."""
        return containers.walk(self.path)

    def check_decodable(self) -> None:
        """Refuse a file on which decoders lose their time. Raises `NotApplicable`."""
        if self.layout is not None and any(problem.kind == "filler" for problem in self.layout.problems):
            msg = "its header holds too much filler to be decoded"
            raise NotApplicable(msg)

    def group(self, name: str) -> Mapping[str, Json]:
        """The tags of a group; empty when there is none."""
        return self.metadata.get(name, {})

    def tags(self) -> Iterator[tuple[str, str, Json]]:
        """(group, name, value) of all tags; the name without family 1 and copy number."""
        for group, table in self.metadata.items():
            for name, value in table.items():
                yield group, plain(name), value


def plain(name: str) -> str:
    """`IFD1:XResolution#2` -> `XResolution`."""
    return name.partition("#")[0].rpartition(":")[2]
