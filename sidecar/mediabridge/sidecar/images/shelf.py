"""Derived pictures of stored originals: made when they are first asked for, once however many ask, and kept.

A file lies at `{sha256}/{preset}.{ext}`; `metadata.json` beside it says of each what it is and by which settings it was
made, so that a preset whose settings were changed is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediabridge.sidecar.cache import ResultCache
from mediabridge.sidecar.cache.codec import key_of
from mediabridge.sidecar.faults import (
    ContentUnknown,
    EngineBusy,
    EngineDied,
    Fault,
    InvalidRequest,
    StorageUnavailable,
    UnreadableFile,
    UnsupportedMedia,
)  # fmt: skip
from mediabridge.sidecar.storage.backend import NotStoredError
from mediabridge.sidecar.storage.derived import CHECK, Derived, not_kept
from mediabridge.sidecar.storage.store import ContentStore

from . import errors
from .make import Pictures
from .presets import Made, Preset, fields_of

METADATA = "metadata.json"
VERSION = "1"  # of how pictures are made; another one makes all of them anew
_LARGEST = 1024**2
_TRIES = 4  # somebody may delete it meanwhile, or the disk may not keep it
_WHAT = "Derived pictures"
_SOURCES = "Pictures are made of JPEG, PNG, GIF, WebP, TIFF, BMP, HEIC, AVIF, RAW, and of frames of videos."
_CHECK = "Check that the file opens in a viewer, and upload it again."
_FAULTS: dict[type[errors.PictureError], tuple[type[Fault], str]] = {
    errors.NoPicture: (UnsupportedMedia, _SOURCES),
    errors.NoPreview: (UnsupportedMedia, _SOURCES),
    errors.TooManyPixels: (UnreadableFile, "Reduce the picture before you upload it."),
    errors.BrokenPicture: (UnreadableFile, _CHECK),
    errors.TooHard: (UnreadableFile, "Reduce the picture before you upload it."),
    errors.DecoderDied: (EngineDied, _CHECK),
    errors.Overloaded: (EngineBusy, "Send the request again in a moment."),
    errors.CannotFit: (InvalidRequest, "Allow for more bytes."),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A derived file that is there: `sha256` of its bytes."""

    path: Path
    made: Made
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """An original: what its SHA-256 is, and how to have it as a file, to be read only, within a `with` block.

    `check` is called before a picture of it is kept, and raises a `Fault` when it is not that original any more.
    """

    content_hash: str
    local: Callable[[], AbstractContextManager[Path]]
    check: Callable[[], object] = lambda: None


class Shelf:
    """Threads and processes may share it. All raise a `Fault`; `ContentUnknown` for a hash or a preset that is none."""

    def __init__(
        self,
        pictures: Pictures,
        store: ContentStore,
        derived: Derived,
        results: ResultCache,
        presets: Mapping[str, Preset],
    ) -> None:
        self._pictures = pictures
        self._store = store
        self._derived = derived
        self._results = results
        self.presets = presets
        self._lock = threading.Lock()

    def get(self, content_hash: str, name: str, gone: Callable[[], bool] | None = None) -> Kept:
        """The derived picture; it is made when it is not there. `gone`: whether the client has left meanwhile."""
        self._preset(name)
        self._store.find(content_hash)  # what was deleted is not shown any more
        return self.get_of(self._stored(content_hash), name, gone)

    def get_of(self, source: Source, name: str | Preset, gone: Callable[[], bool] | None = None) -> Kept:
        """The same of an original that may lie elsewhere; `name` may be a preset that is not in the table."""
        preset = self._preset(name)
        for _ in range(_TRIES):
            if kept := self._find(source.content_hash, preset):
                return kept
            self._once(source, [preset], gone)
        msg = f"{source.content_hash}/{preset.name} is deleted as fast as it is made."
        raise StorageUnavailable(msg, CHECK)

    def peek(self, content_hash: str, name: str) -> Kept | None:
        """The derived picture if it is there; nothing is made."""
        preset = self._preset(name)
        self._store.find(content_hash)
        return self._find(content_hash, preset)

    def fill(self, content_hash: str, gone: Callable[[], bool] | None = None) -> dict[str, Kept]:
        """All presets; those that are missing are made from one decode. For work ahead of the first request."""
        self._store.find(content_hash)
        return self.fill_of(self._stored(content_hash), self.presets, gone)

    def fill_of(
        self, source: Source, names: Iterable[str | Preset], gone: Callable[[], bool] | None = None
    ) -> dict[str, Kept]:
        """Some presets of an original that may lie elsewhere, from one decode."""
        presets = [self._preset(name) for name in names]
        missing = [preset for preset in presets if self._find(source.content_hash, preset) is None]
        if missing:
            self._once(source, missing, gone)
        return {preset.name: self.get_of(source, preset, gone) for preset in presets}

    def optimise(self, content_hash: str, max_size: int, quality: int, max_bytes: int | None) -> tuple[Made, bytes]:
        """A picture for a model, not kept: see `Pictures.optimize`. Raises `ValueError` too."""
        with self._store.local(content_hash) as path, told():
            return self._pictures.optimize(path, max_size, quality, max_bytes)

    def close(self) -> None:
        """End the children."""
        self._pictures.close()

    def _stored(self, content_hash: str) -> Source:
        return Source(content_hash, lambda: self._store.local(content_hash))

    def _preset(self, name: str | Preset) -> Preset:
        if isinstance(name, Preset):
            return name
        preset = self.presets.get(name)
        if preset is None:
            msg = f"preset: there is none of the name {name[:64]!r}."
            raise ContentUnknown(msg, f"Presets are {', '.join(sorted(self.presets))}.")
        return preset

    def _once(self, source: Source, presets: list[Preset], gone: Callable[[], bool] | None) -> None:
        """Of all who ask meanwhile, one makes it; the result itself is the file, nothing is kept in the cache.

        Who asks for other presets of the same original waits too, in whatever process: a picture that is made alone has
        other bytes than one that is made of the next larger one, and an address must never have two of them.
        """
        options = [fields_of(preset) for preset in presets]
        key, door = (
            key_of(source.content_hash, engine="images", version=VERSION, options=some) for some in (options, [])
        )
        self._results.get_or_compute(
            key, lambda: self._make(source, presets), gone=gone, keep=lambda _: False, shared=True, door=door
        )

    def _make(self, source: Source, presets: list[Preset]) -> dict[str, Any]:
        # Somebody may have been faster.
        wanted = {preset.name: preset for preset in presets if self._find(source.content_hash, preset) is None}
        self._note(source.content_hash, {}, gone=wanted)  # nothing is told of a file that is being replaced
        entries: dict[str, Any] = {}

        def keep(made: Made, data: bytes) -> None:
            source.check()
            preset = wanted[made.preset]
            self._place(source.content_hash, _file(preset), data)
            entries[preset.name] = _entry(preset, made, hashlib.sha256(data).hexdigest())

        if wanted:
            try:
                with source.local() as path, told():
                    self._pictures.make(path, wanted.values(), keep)
            finally:  # of a picture that breaks in the middle, some presets may be good
                self._note(source.content_hash, entries)
        return {}

    def _note(self, content_hash: str, entries: Mapping[str, Any], gone: Iterable[str] = ()) -> None:
        """Add to `metadata.json`, once for all presets: each writing waits for the disk. `gone` are told no more."""
        with self._lock:
            known = self._told(content_hash)
            left = {name: entry for name, entry in known.items() if name not in set(gone)}
            if entries or len(left) < len(known):
                self._place(content_hash, METADATA, json.dumps({"presets": {**left, **entries}}).encode())

    def _place(self, content_hash: str, name: str, data: bytes) -> None:
        try:
            self._derived.replace(content_hash, name, data)
        except OSError as problem:
            raise not_kept(_WHAT, problem, self._derived) from problem

    def _find(self, content_hash: str, preset: Preset) -> Kept | None:
        entry = self._told(content_hash).get(preset.name)
        path = self._derived.find(content_hash, _file(preset))
        if entry is None or path is None:
            return None
        with contextlib.suppress(KeyError, TypeError, OSError):  # written by another version, or just deleted
            made = Made(**entry["made"])
            settled = entry == _entry(preset, made, entry["sha256"]) and path.stat().st_size == made.size
            return Kept(path, made, entry["sha256"]) if settled else None
        return None

    def _told(self, content_hash: str) -> dict[str, Any]:
        """What `metadata.json` says; nothing when it is missing or broken."""
        with contextlib.suppress(NotStoredError, OSError, ValueError, AttributeError):
            with self._derived.open(content_hash, METADATA) as file:
                told = json.loads(file.read(_LARGEST)).get("presets")
            if isinstance(told, dict):
                return told
        return {}


@contextlib.contextmanager
def told() -> Iterator[None]:
    """A `PictureError` as the fault that it is to a client; `OSError` where no file can be made."""
    try:
        yield
    except OSError as problem:
        raise not_kept(_WHAT, problem) from problem
    except errors.PictureError as problem:
        kind, suggestion = _FAULTS[type(problem)]
        msg = f"The picture cannot be made: {problem}."
        raise kind(msg, suggestion) from problem


def _file(preset: Preset) -> str:
    return f"{preset.name}.{preset.extension}"


def _entry(preset: Preset, made: Made, sha256: str) -> dict[str, Any]:
    fields = {name: getattr(made, name) for name in Made.__slots__}
    return {"version": VERSION, "settings": fields_of(preset), "made": fields, "sha256": sha256}
