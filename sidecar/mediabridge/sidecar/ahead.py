"""What is done with a stored file before anybody asks for it: its kinds of job, and how they are queued."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import requestid
from .events import emit
from .faults import Fault
from .jobs.job import Job
from .jobs.queue import Queue
from .storage.record import Record
from .text import TYPES as TEXTS
from .video import TYPES as VIDEOS

# What pictures are made of, beside what cameras call RAW (`image/x-…`).
_PICTURES = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "tiff", "bmp", "heic", "heif", "avif")
)  # fmt: skip
_RAW = "image/x-"
_NO_PICTURES = frozenset({"image/x-icon", "image/x-portable-anymap"})
_log = logging.getLogger(__name__)


def kinds_for(mime_type: str) -> tuple[str, ...]:
    """The jobs that a new original of this type is worth."""
    if mime_type in _PICTURES or mime_type in VIDEOS or (mime_type.startswith(_RAW) and mime_type not in _NO_PICTURES):
        return ("image",)
    return ("text",) if mime_type in TEXTS else ()


@dataclass(frozen=True, slots=True)
class Ahead:
    """Queues work on stored originals. Threads may share it. `films`: whether anything can be made of videos here."""

    queue: Queue
    films: Callable[[], bool] = lambda: True

    def submit(self, kind: str, content_hash: str, **more: object) -> Job:
        """One job; the one that is under way already when it asks for the same. Raises `QueueFull`."""
        payload = {"contentHash": content_hash, **more, "requestId": requestid.current.get()}
        return self.queue.submit(kind, payload, key=_key(kind, content_hash, more))

    def offer(self, kind: str, content_hash: str, **more: object) -> Job | None:
        """The same for one who will ask again; None when it has failed already: who waits is told why."""
        if self.queue.has_failed(_key(kind, content_hash, more)):
            return None
        return self.submit(kind, content_hash, **more)

    def stored(self, record: Record) -> list[Job]:
        """After an upload. It is no error that a queue is full or fails: what was not queued is made on demand."""
        jobs: list[Job] = []
        if record.mime_type in VIDEOS and not self.films():
            return jobs  # each would be a dead letter; a preset that is asked for says what is missing
        try:
            for kind in kinds_for(record.mime_type):
                jobs.append(self.submit(kind, record.content_hash))  # noqa: PERF401  those before a failure count
        except Fault as problem:
            words = f"no work ahead for {record.content_hash}: {problem.message}"
            emit(_log, logging.INFO, "queue.skipped", words, sha256=record.content_hash, error=type(problem).__name__)
        return jobs


def _key(kind: str, content_hash: str, more: Mapping[str, object]) -> str:
    return ":".join([kind, content_hash, *(f"{name}={more[name]}" for name in sorted(more))])
