"""The memory tier: least recently used, bounded by entries and by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict

from .codec import Held, Key

OVERHEAD = 250  # bytes of an entry beside its value: key, objects, table
LARGEST_SHARE = 8  # an entry may take one part in so many; a single giant must not push out everything else


class ByteLru:
    """At most `max_entries` entries and `max_bytes` bytes, whichever is reached first. Any thread may use it."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Key, Held] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """Bytes of all entries, overhead included."""
        return self._size

    @property
    def bounds(self) -> tuple[int, int]:
        """Most entries, most bytes, as they hold now."""
        return self._max_entries, self._max_bytes

    def get(self, key: Key) -> Held | None:
        """The entry, which becomes the most recently used."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: Key, entry: Held) -> int:
        """Keep an entry unless it is too large on its own. Returns how many others had to go."""
        with self._lock:
            self._drop(key)
            if _cost(entry) > self._max_bytes // LARGEST_SHARE:
                return 0
            self._entries[key] = entry
            self._size += _cost(entry)
            return self._shrink()

    def remove(self, key: Key) -> None:
        """Forget one entry."""
        with self._lock:
            self._drop(key)

    def resize(self, max_entries: int, max_bytes: int) -> int:
        """Set new bounds. Returns how many entries had to go."""
        with self._lock:
            self._max_entries, self._max_bytes = max_entries, max_bytes
            return self._shrink()

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= _cost(entry)

    def _shrink(self) -> int:
        gone = 0
        while len(self._entries) > self._max_entries or self._size > self._max_bytes:
            _, entry = self._entries.popitem(last=False)
            self._size -= _cost(entry)
            gone += 1
        return gone


def _cost(entry: Held) -> int:
    return entry.size + OVERHEAD
