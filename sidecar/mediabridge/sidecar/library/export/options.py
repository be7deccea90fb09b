"""What an export was asked to do, and what is wrong with the question. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from mediabridge.sidecar.faults import URL, InvalidRequest
from mediabridge.sidecar.library import moments, tags
from mediabridge.sidecar.library.intake import KINDS
from mediabridge.sidecar.library.origin import is_path

Metadata = Literal["embed", "sidecar", "none"]
Least = Literal["low", "medium", "high"]
METADATA: tuple[Metadata, ...] = get_args(Metadata)
LEAST: tuple[Least, ...] = get_args(Least)
_LONGEST = 3000  # bytes: a path of ours behind it must still be one (PATH_MAX is 4096)
_SHOWN = 60
_TRY = (
    'Try: curl -H \'Content-Type: application/json\' -d \'{"target": "/media/photos", "dryRun": true}\''
    f" {URL}/api/library/export"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`target`: an absolute path. `metadata`: written into the copies, into files beside them, or nowhere.

    A date of less than `least_confidence` counts as none: what is low may be the date of some copy. `keepers_only`:
    without what somebody has discarded, alone or as a duplicate. `first_us` and `last_us` are `moments` of the clock on
    the wall, both included.
    """

    target: str
    keepers_only: bool = False
    metadata: Metadata = "embed"
    least_confidence: Least = "medium"
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    first_us: int | None = None
    last_us: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As a job holds it; `from_json` is its inverse."""
        found = asdict(self)
        return {**found, "kinds": list(self.kinds), "tags": list(self.tags)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Options:
        """What `to_json` gave."""
        return cls(**{**value, "kinds": tuple(value["kinds"]), "tags": tuple(value["tags"])})


def as_asked(value: Mapping[str, Any]) -> dict[str, Any]:
    """What a job holds, in the words that `parse` reads, so that it can be asked for once more."""
    found = {name: value.get(field) for name, (field, _) in _FIELDS.items()}
    bounds = {name: found[name] for name in ("from", "to")}
    return found | {name: None if us is None else moments.clock_text(us) for name, us in bounds.items()}


def parse(body: object, *, keepers_only: bool = False) -> tuple[Options, bool]:
    """The options in a client's JSON, and whether it wants a dry run; `keepers_only` holds where it says nothing.

    Raises `InvalidRequest` that names the field.
    """
    if not isinstance(body, Mapping):
        raise _wrong("the body", "is no JSON object")
    if unknown := sorted(str(name) for name in body.keys() - _FIELDS.keys() - {"dryRun"}):
        raise _wrong(unknown[0][:_SHOWN], f"is no option of an export (there are {', '.join(sorted(_FIELDS))}, dryRun)")
    if body.get("target") is None:
        raise _wrong("target", "is missing: the folder that the copies go to")
    found: dict[str, Any] = {"keepers_only": keepers_only}
    for name, (field, read) in _FIELDS.items():
        if body.get(name) is not None:
            found[field] = _read(name, read, body[name])
    first, last = found.get("first_us"), found.get("last_us")
    if first is not None and last is not None and last < first:
        raise _wrong("to", "lies before 'from', so that there is nothing to export")
    dry = body.get("dryRun")
    return Options(**found), False if dry is None else _read("dryRun", _flag, dry)


def _read(name: str, read: Callable[[Any], Any], value: object) -> Any:
    try:
        return read(value)
    except ValueError as problem:
        raise _wrong(name, f"{str(value)[:_SHOWN]!r} is not valid: {problem}") from problem


def _wrong(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{name}: {what}." if name != "the body" else f"The body {what}.", _TRY)


def _target(value: object) -> str:
    if not isinstance(value, str) or not value:
        msg = "it is no path"
        raise ValueError(msg)
    if not is_path(value) or len(os.fsencode(value)) > _LONGEST:
        msg = "it is too long, or holds what no path has"
        raise ValueError(msg)
    if not value.startswith("/"):
        msg = "it is not absolute"
        raise ValueError(msg)
    if ".." in value.split("/"):
        msg = "it holds '..'"
        raise ValueError(msg)
    return os.path.normpath(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        msg = "it is neither true nor false"
        raise ValueError(msg)
    return value


def _one_of(words: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in words or not isinstance(value, str):
            msg = f"it is none of {', '.join(words)}"
            raise ValueError(msg)
        return value

    return read


def _list_of(read: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    def read_all(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > tags.MOST:
            msg = f"it is no list of at most {tags.MOST}"
            raise ValueError(msg)
        return tuple(dict.fromkeys(read(one) for one in value))

    return read_all


def _tag(value: object) -> str:
    if not isinstance(value, str):
        msg = "a tag is no text"
        raise ValueError(msg)
    return tags.proper(value)


def _bound(*, last: bool) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, str):
            msg = "it is no date"
            raise ValueError(msg)
        return moments.bound(value, last=last)

    return read


_FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "target": ("target", _target),
    "keepersOnly": ("keepers_only", _flag),
    "metadata": ("metadata", _one_of(METADATA)),
    "leastConfidence": ("least_confidence", _one_of(LEAST)),
    "kinds": ("kinds", _list_of(_one_of(KINDS))),
    "tags": ("tags", _list_of(_tag)),
    "from": ("first_us", _bound(last=False)),
    "to": ("last_us", _bound(last=True)),
}
