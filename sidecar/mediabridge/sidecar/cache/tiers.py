"""Memory before disk: what is found on disk comes into memory, what is kept goes into both."""

from __future__ import annotations

from pathlib import Path

from .codec import Entry, Held, Key, hold
from .disk import DiskTier
from .levels import PressureLevel
from .limits import Limits
from .lru import ByteLru


class Tiers:
    """Both tiers; the one on disk is left out without a folder, or when its limit is 0."""

    def __init__(self, limits: Limits, folder: Path | None) -> None:
        self.memory = ByteLru(*limits.under(PressureLevel.NORMAL))
        self.disk = DiskTier(folder, limits.disk_bytes) if folder is not None and limits.disk_bytes > 0 else None

    def from_memory(self, key: Key) -> Held | None:
        """The entry; its use is noted for the disk as well, which would remove it sooner otherwise."""
        entry = self.memory.get(key)
        if entry is not None and self.disk is not None:
            self.disk.touch(key)
        return entry

    def from_disk(self, key: Key) -> Held | None:
        """The entry, which comes into memory, too."""
        entry = self.disk.get(key) if self.disk is not None else None
        if entry is None:
            return None
        held = hold(entry)
        self.memory.put(key, held)
        return held

    def keep(self, key: Key, entry: Entry, held: Held) -> int:
        """Keep both forms of a value. Returns how many entries had to leave memory."""
        gone = self.memory.put(key, held)
        if self.disk is not None:
            self.disk.put(key, entry)
        return gone

    def remove(self, key: Key) -> None:
        """Remove it from both."""
        self.memory.remove(key)
        if self.disk is not None:
            self.disk.remove(key)

    def close(self) -> None:
        """Close the file."""
        if self.disk is not None:
            self.disk.close()
