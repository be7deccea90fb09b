"""Details of stored videos: read when they are first asked for, once however many ask, and kept as `video.json`."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from mediabridge.sidecar.cache import ResultCache
from mediabridge.sidecar.cache.codec import key_of
from mediabridge.sidecar.faults import UnsupportedMedia
from mediabridge.sidecar.storage.backend import NotStoredError
from mediabridge.sidecar.storage.derived import Derived, not_kept
from mediabridge.sidecar.storage.store import ContentStore

from .details import details_of
from .ffmpeg import FFmpeg
from .formats import TYPES

FILE = "video.json"
VERSION = "1"  # of how details are read; another one reads all of them anew
_LARGEST = 64 * 1024


class VideoShelf:
    """Threads and processes may share it."""

    def __init__(self, ffmpeg: FFmpeg, store: ContentStore, derived: Derived, results: ResultCache) -> None:
        self._ffmpeg = ffmpeg
        self._store = store
        self._derived = derived
        self._results = results

    def get(self, content_hash: str) -> dict[str, Any]:
        """The details, as `Details.to_json` gives them.

        Raises `ContentUnknown`, `UnsupportedMedia`, `UnreadableFile`, `EngineUnavailable`, `EngineBusy`,
        `StorageFull`, `StorageUnavailable`.
        """
        record = self._store.find(content_hash)  # what was deleted is not told of any more
        if kept := self._kept(content_hash):
            return kept
        if record.mime_type not in TYPES:
            msg = f"The content is no video but {record.mime_type}."
            raise UnsupportedMedia(msg, f"Details are read of {', '.join(TYPES)}.", supported=TYPES)
        key = key_of(content_hash, engine="video", version=VERSION)
        told: dict[str, Any] = self._results.get_or_compute(
            key, lambda: self._kept(content_hash) or self._read(content_hash), keep=lambda _: False
        )[0]
        return told

    def _read(self, content_hash: str) -> dict[str, Any]:
        with self._store.local(content_hash) as path, self._ffmpeg.turn() as until:
            details = details_of(self._ffmpeg.probe(path, until)).to_json()
        try:
            content = json.dumps({"version": VERSION, "video": details}).encode()
            self._derived.replace(content_hash, FILE, content)
        except OSError as problem:
            raise not_kept("Details of videos", problem, self._derived) from problem
        return details

    def _kept(self, content_hash: str) -> dict[str, Any] | None:
        """None when it is missing, broken, or of another version."""
        with contextlib.suppress(NotStoredError, OSError, ValueError, AttributeError):
            with self._derived.open(content_hash, FILE) as file:
                told = json.loads(file.read(_LARGEST))
            video = told.get("video")
            if told.get("version") == VERSION and isinstance(video, dict):
                return video
        return None
