"""The content hash of files by path, remembered for as long as nothing about the file changes."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_REMEMBERED = 4096  # files
# A file that changed less than this ago may change again without its times showing it (as Git's "racy" index entries).
_RACY_S = 2.0

Signature = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Hashed:
    """Hex SHA-256, and what told this content apart when it was read."""

    sha256: str
    signature: Signature


class ContentHashes:
    """`now` gives seconds since 1970, as file times have them."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._known: OrderedDict[Signature, str] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, path: Path) -> Hashed:
        """Hash a file, or remember it. Raises `OSError`."""
        with path.open("rb") as file:
            before = _signature(os.fstat(file.fileno()))
            with self._lock:
                known = self._known.get(before)
            if known is not None:
                return Hashed(known, before)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = _signature(os.fstat(file.fileno()))
        if before == after and self._is_settled(after):
            self._remember(after, digest)
        return Hashed(digest, after)

    def _is_settled(self, signature: Signature) -> bool:
        *_, modified, changed = signature
        return max(modified, changed) / 1e9 < self._now() - _RACY_S

    def _remember(self, signature: Signature, digest: str) -> None:
        with self._lock:
            self._known[signature] = digest
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)


def _signature(found: os.stat_result) -> Signature:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
