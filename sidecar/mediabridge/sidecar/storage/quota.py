"""How much each drive may store. What is on its way counts as stored, so that two uploads at once cannot pass both."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

Drive = str | None


class Quota:
    """`limit` in bytes, 0 = none; `used` gives the bytes that a drive has stored; `full` makes the error for one."""

    def __init__(self, limit: int, used: Callable[[Drive], int], full: Callable[[Mapping[str, object]], Exception]):
        self._limit = limit
        self._used = used
        self._full = full
        self._claims: Counter[Drive] = Counter()
        self._lock = threading.Lock()

    def claim(self, drive: Drive, size: int) -> None:
        """Keep `size` bytes free for what comes, until `release`. Raises what `full` makes."""
        if not self._limit:
            return
        with self._lock:
            used = self._used(drive)
            if used + self._claims[drive] + size > self._limit or used >= self._limit:
                raise self._full({"driveId": drive, "limit": self._limit, "used": used})
            self._claims[drive] += size

    def release(self, drive: Drive, size: int) -> None:
        """It has come, or comes no more."""
        if self._limit:
            with self._lock:
                self._claims[drive] -= size
