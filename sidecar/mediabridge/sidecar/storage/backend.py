"""What a place for originals must be able to do. Local disk does it now; an object store can stand behind the same.

A key is `{sha256}/{name}`: the content, and what is kept of it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

_KEY = re.compile(r"[0-9a-f]{64}/[a-z0-9][a-z0-9._-]{0,80}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class NotStoredError(Exception):
    """Nothing is stored under this key."""


@dataclass(frozen=True, slots=True)
class Stat:
    """`size` in bytes; `modified_ns` since 1970, by the clock of the place."""

    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the place as a whole, and those that are free."""

    total: int
    free: int


def is_hash(word: str) -> bool:
    """Whether a word is a SHA-256 in lower-case hex."""
    return _HASH.fullmatch(word) is not None


def check_key(key: str) -> str:
    """The key itself. Raises `ValueError` for one that could lead out of the place."""
    if _KEY.fullmatch(key) is None:
        msg = f"no key: {key[:100]!r}"
        raise ValueError(msg)
    return key


class Backend(Protocol):
    """All raise `OSError` when the place fails. What is put is durable on return, and never seen half written."""

    def new_path(self) -> Path:
        """A path for a file that is written before its key is known, on the machine; `put` takes it."""

    def put(self, key: str, source: Path | bytes) -> bool:
        """Put if absent; False when something is there already (it is durable then). The source stays."""

    def replace(self, key: str, source: Path | bytes) -> None:
        """Put, whatever is there."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        """Bytes from `start`; a backend may stop after `length` of them. Raises `NotStoredError`."""

    def local(self, key: str) -> contextlib.AbstractContextManager[Path]:
        """The same as a file to be read, for as long as the `with` block lasts. Raises `NotStoredError`."""

    def stat(self, key: str) -> Stat:
        """Raises `NotStoredError`."""

    def delete(self, key: str) -> bool:
        """Whether there was anything to delete."""

    def hashes(self) -> Iterator[str]:
        """The hashes under which anything is kept, in no order."""

    def names(self, content_hash: str) -> list[str]:
        """What is kept of one content, sorted."""

    def space(self) -> Space:
        """How full it is."""

    def changed_ns(self) -> int:
        """A number that changes when a content comes or goes, whoever brings it."""

    def mending(self) -> contextlib.AbstractContextManager[None]:
        """Within the `with` block nobody else mends, in any process: what is judged damaged there stays what it is."""

    def close(self) -> None:
        """Remove what was not put."""
