"""Reads all that is stored, and says what is not as it was stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .backend import Backend, NotStoredError
from .record import NoRecordError, Record
from .store import METADATA, ORIGINAL, digest, key_of

SETTLED_S = 3600.0  # an upload that was under way longer ago than that was broken off
_RECORD_BYTES = 64 * 1024
_DAMAGED = "original.damaged"

Trouble = Literal["damaged", "lost", "unreadable", "metadata", "unfinished"]
MEANING: dict[Trouble, str] = {
    "damaged": "its bytes do not have its hash",
    "lost": "there is metadata, but no original",
    "unreadable": "the disk fails",
    "metadata": "its metadata.json is broken",
    "unfinished": "an upload that was broken off; nobody was told that it was stored",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One content: bytes that were read, and what is wrong with it, if anything. `mended`: it is not, any more."""

    content_hash: str
    size: int
    trouble: Trouble | None = None
    detail: str = ""
    mended: bool = False


class Scrubber:
    """`mend`: damaged originals are put aside as `original.damaged`, so that the next upload of the content is stored,
    and unfinished ones are deleted. `now` in seconds since 1970, by the clock of the place.
    """

    def __init__(self, backend: Backend, *, mend: bool = False, now: Callable[[], float] = time.time) -> None:
        self._backend = backend
        self._mend = mend
        self._now = now

    def examine(self, content_hash: str) -> Finding:
        """Read one content as a whole."""
        try:
            return self._examine(content_hash)
        except NotStoredError:  # deleted meanwhile
            return Finding(content_hash, 0)
        except OSError as problem:
            return Finding(content_hash, 0, "unreadable", str(problem))

    def _examine(self, content_hash: str) -> Finding:
        names = self._backend.names(content_hash)
        if self._mend and not names:  # killed between the folder and its first file; whoever is there now makes it anew
            self._backend.delete(key_of(content_hash, ORIGINAL))
        if ORIGINAL not in names:
            return Finding(content_hash, 0, "lost" if METADATA in names else None)
        if METADATA not in names:
            return self._unfinished(content_hash)
        found = self._digest(content_hash)
        size = self._backend.stat(key_of(content_hash, ORIGINAL)).size
        if found != content_hash:
            return Finding(content_hash, size, "damaged", f"its hash is {found}", mended=self._put_aside(content_hash))
        return Finding(content_hash, size, *self._judge_record(content_hash, size))

    def _digest(self, content_hash: str) -> str:
        with self._backend.open(key_of(content_hash, ORIGINAL)) as file:
            return digest(file)

    def _unfinished(self, content_hash: str) -> Finding:
        """It may be under way just now, and may be complete before we look again."""
        written = self._backend.stat(key_of(content_hash, ORIGINAL)).modified_ns / 1e9
        if self._now() - written < SETTLED_S or METADATA in self._backend.names(content_hash):
            return Finding(content_hash, 0)
        return Finding(content_hash, 0, "unfinished", mended=self._mend and self._clear_away(content_hash))

    def _clear_away(self, content_hash: str) -> bool:
        with self._backend.mending():
            known = METADATA in self._backend.names(content_hash)  # an upload has found it, and made it whole
            return not known and self._backend.delete(key_of(content_hash, ORIGINAL))

    def _put_aside(self, content_hash: str) -> bool:
        if not self._mend:
            return False
        with self._backend.mending():
            if self._digest(content_hash) != content_hash:  # else an upload has mended it
                with self._backend.local(key_of(content_hash, ORIGINAL)) as path:
                    self._backend.replace(key_of(content_hash, _DAMAGED), path)
                self._backend.delete(key_of(content_hash, ORIGINAL))
        return True

    def _judge_record(self, content_hash: str, size: int) -> tuple[Trouble | None, str]:
        with self._backend.open(key_of(content_hash, METADATA)) as file:
            content = file.read(_RECORD_BYTES)
        try:
            record = Record.from_bytes(content)
        except NoRecordError as problem:
            return "metadata", str(problem)
        if (record.content_hash, record.size) != (content_hash, size):
            return "metadata", f"it tells of {record.content_hash[:64]} with {record.size} bytes"
        return None, ""
