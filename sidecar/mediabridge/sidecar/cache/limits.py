"""How large the cache may become: the profiles of CONTRACT §2, and what each level of memory pressure leaves of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .levels import PressureLevel

MIB = 1024 * 1024
_PER_ENTRY = 128 * 1024  # bytes of memory per entry: few readings are larger

_SHARES: Mapping[PressureLevel, float] = {
    PressureLevel.NORMAL: 1.0,
    PressureLevel.ELEVATED: 0.75,
    PressureLevel.HIGH: 0.5,
    PressureLevel.CRITICAL: 0.0,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Most entries in memory, and most MiB that the files on disk take; 0 turns a tier off."""

    max_memory_entries: int = 100
    max_disk_size_mb: int = 50

    @property
    def memory_bytes(self) -> int:
        """Most bytes in memory."""
        return self.max_memory_entries * _PER_ENTRY

    @property
    def disk_bytes(self) -> int:
        """Most bytes on disk."""
        return self.max_disk_size_mb * MIB

    def under(self, level: PressureLevel) -> tuple[int, int]:
        """Most entries and bytes in memory at a level of pressure."""
        share = _SHARES[level]
        return int(self.max_memory_entries * share), int(self.memory_bytes * share)


PROFILES: Mapping[str, Limits] = {
    "development": Limits(100, 50),
    "staging": Limits(500, 200),
    "production": Limits(2000, 1000),
    "constrained": Limits(200, 100),
}
