"""How often each derived picture is asked for: counted in memory, added up in one small file of all processes.

Counts fade, by half in a day, so that what was asked for last month does not keep its place. What a crash loses is the
last minute's counts.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mediabridge.sidecar.storage.backend import is_hash
from mediabridge.sidecar.storage.own import take_lock

Key = tuple[str, str]  # content hash, preset
MOST = 1000  # pictures that are kept count of
NAME = "popular.json"  # below CACHE_PATH
_HALF_LIFE_S = 24 * 60 * 60.0
_LARGEST = 1024**2
_LEAST = 0.01  # a count below is forgotten


class Popular:
    """Any thread may use it. `new_path` gives a path for a file on its way; all processes share the clock `now`."""

    def __init__(self, folder: Path, new_path: Callable[[], Path], now: Callable[[], float] = time.time) -> None:
        self._path = folder / NAME
        self._new_path = new_path
        self._now = now
        self._fresh: Counter[Key] = Counter()
        self._lock = threading.Lock()

    def note(self, content_hash: str, preset: str) -> None:
        """It was asked for."""
        with self._lock:
            self._fresh[content_hash, preset] += 1
            if len(self._fresh) > 2 * MOST:
                self._fresh = Counter(dict(self._fresh.most_common(MOST)))

    def top(self, count: int) -> list[Key]:
        """What all processes together are asked for most, as far as it was written down."""
        counts, _ = self._read()
        return heapq.nlargest(count, counts, key=lambda key: counts[key])

    def flush(self) -> None:
        """Add what was counted here to the file; later, when another process is doing so. Raises `OSError`."""
        with self._lock:
            fresh, self._fresh = self._fresh, Counter()
        if not fresh:
            return
        done = False
        try:
            done = self._add(fresh)
        finally:
            if not done:
                with self._lock:
                    self._fresh.update(fresh)

    def _add(self, fresh: Mapping[Key, int]) -> bool:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = take_lock(self._path.with_suffix(".lock"))
        except BlockingIOError:
            return False
        try:
            now = self._now()
            counts, since = self._read()
            rows = [[*key, count] for key, count in merged(counts, now - since, fresh).items()]
            path = self._new_path()
            path.write_text(json.dumps({"at": now, "counts": rows}))
            path.replace(self._path)
        finally:
            os.close(lock)
        return True

    def _read(self) -> tuple[dict[Key, float], float]:
        """The counts, and of when they are; none of a file that is missing or broken."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            if self._path.stat().st_size <= _LARGEST:
                told = json.loads(self._path.read_bytes())
                return _counts(told["counts"]), float(told["at"])
        return {}, self._now()


def merged(old: Mapping[Key, float], age_s: float, fresh: Mapping[Key, int]) -> dict[Key, float]:
    """Counts that are `age_s` old and new ones, the `MOST` largest of them."""
    fading = 0.5 ** (max(age_s, 0.0) / _HALF_LIFE_S)
    counts = {key: count * fading for key, count in old.items()}
    for key, more in fresh.items():
        counts[key] = counts.get(key, 0.0) + more
    largest = heapq.nlargest(MOST, counts, key=lambda key: counts[key])
    return {key: counts[key] for key in largest if counts[key] >= _LEAST}


def _counts(rows: Iterable[tuple[str, str, float]]) -> dict[Key, float]:
    """Raises `ValueError` or `TypeError` for what we have not written."""
    counts = {(content_hash, preset): float(count) for content_hash, preset, count in rows}
    for (content_hash, preset), count in counts.items():
        if not (is_hash(content_hash) and isinstance(preset, str) and math.isfinite(count)):
            msg = "no row of ours"
            raise ValueError(msg)
    return counts
