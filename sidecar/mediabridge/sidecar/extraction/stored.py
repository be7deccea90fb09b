"""Readings in the result cache: as JSON, under a key of all that they depend on, and without the file's name.

The same bytes come under many names, and the name appears in the metadata. A file is therefore read under a placeholder
for its name, and each client's own name is filled in on the way out.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from mediabridge.sidecar.cache.codec import Key, key_of
from mediabridge.sidecar.cache.results import ResultCache

from . import engine, groups, verdict
from .extract import File, Reading

# U+FDD0 is a noncharacter: no text has it. A file that does hold this very text gets its own name shown in its place.
PLACEHOLDER = "\ufdd0name\ufdd0"
_START_S = 10.0  # how long to wait for the first ExifTool to say its version
_POLL_S = 0.01

_MANY = 16  # places, from which on it is cheaper to copy everything

Gone = Callable[[], bool]
Place = tuple[str | int, ...]


class HashedFile(File, Protocol):
    """A file whose content hash is known."""

    @property
    def sha256(self) -> str:
        """Hex digest of its bytes."""


@dataclass(frozen=True, slots=True)
class _Nameless:
    path: Path
    extension: str
    name: str = PLACEHOLDER


def to_json(reading: Reading) -> dict[str, Any]:
    """A reading as a JSON object. `places`: the paths that lead to texts with the file's name in them."""
    made: dict[str, Any] = {
        "metadata": reading.metadata,
        "warnings": list(reading.warnings),
        "verdict": {"kind": reading.verdict.kind.value, "reason": reading.verdict.reason},
        "engine": {"name": reading.engine_name, "version": reading.engine_version},
    }
    return {**made, "places": [list(place) for place in _places(made, ())]}


def from_json(stored: dict[str, Any], name: str) -> Reading:
    """The reading, with `name` wherever the file's name belongs. What is stored stays as it is, but may be shared."""
    secrets = [(PLACEHOLDER, name)]
    if len(stored["places"]) > _MANY:
        filled = groups.without(stored, secrets)
    else:
        filled = stored
        for place in stored["places"]:
            filled = _fill(filled, place, secrets)
    judged, made_by = filled["verdict"], filled["engine"]
    return Reading(
        filled["metadata"],
        tuple(filled["warnings"]),
        verdict.Verdict(verdict.Kind(judged["kind"]), judged["reason"]),
        made_by["name"],
        made_by["version"],
    )


def _places(value: groups.Json, path: Place) -> Iterator[Place]:
    if isinstance(value, str):
        if PLACEHOLDER in value:
            yield path
    elif isinstance(value, dict):
        for tag, item in value.items():
            yield from _places(item, (*path, tag))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _places(item, (*path, number))


def _fill(value: groups.Json, place: Sequence[str | int], secrets: list[tuple[str, str]]) -> groups.Json:
    """A copy of the containers on the way to one text, with that text changed; the others are shared."""
    if not place:
        return groups.without(value, secrets)
    made = value.copy()
    made[place[0]] = _fill(value[place[0]], place[1:], secrets)
    return made


def key(sha256: str, extension: str, name: str, version: str) -> Key:
    """What a reading depends on: bytes, extension, the engine and its arguments, the time zone, our own code."""
    zone = [*time.tzname, time.timezone, time.altzone]  # ExifTool shows some times in the machine's
    options = {"extension": extension, "arguments": groups.ARGUMENTS, "zone": zone, "code": _code()}
    return key_of(sha256, engine=name, version=version, options=options)


@cache
def _code() -> str:
    """A digest of the modules that make a reading: changed code must not find what the old one made."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Reads(Protocol):
    """An extractor, with ExifTool or without."""

    def read(self, file: File, gone: Gone | None = None) -> Reading:
        """Read everything that the file says of itself."""


class CachedExtractor:
    """An extractor that reads each content once, for all names, tiers, threads and processes.

    `name` is its engine's; `version` tells that engine's version, or None while there is none: then nothing is cached.
    """

    def __init__(
        self, extractor: Reads, results: ResultCache, name: str, version: Callable[[Gone | None], str | None]
    ) -> None:
        self._extractor = extractor
        self._results = results
        self._name = name
        self._version = version

    def read(self, file: HashedFile, gone: Gone | None = None) -> tuple[Reading, bool]:
        """The reading, and whether it was there already. Raises what the extractor raises."""
        version = self._version(gone)
        if version is None:
            return self._extractor.read(file, gone), False
        nameless = _Nameless(file.path, file.extension)
        stored, cached = self._results.get_or_compute(
            key(file.sha256, file.extension, self._name, version),
            lambda: to_json(self._extractor.read(nameless, gone)),
            gone=gone,
            keep=lambda made: bool(made["engine"]["version"] == version),  # ExifTool may be replaced by another one
            shared=True,
        )
        return from_json(stored, file.name), cached


def version_of(pool: engine.Engine) -> Callable[[Gone | None], str | None]:
    """Tells ExifTool's version; right after the start it waits for it. None when there is no ExifTool."""

    def tell(gone: Gone | None) -> str | None:
        until = time.monotonic() + _START_S
        while (version := pool.version) is None and pool.state == "starting":
            if time.monotonic() > until or (gone is not None and gone()):
                break
            time.sleep(_POLL_S)
        return version

    return tell
