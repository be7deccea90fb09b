"""The tiers: one table of sizes and of what each may see. A new tier is a row here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .faults import InvalidRequest

MIB = 1024 * 1024
DEFAULT_TIER = "enterprise"  # accounts are off (CONTRACT §4)


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier: its largest file in bytes, the groups that it sees (`None` = all) and those that it never sees."""

    name: str
    max_bytes: int
    only: frozenset[str] | None = None
    locked: frozenset[str] = frozenset()

    def shows(self, group: str) -> bool:
        """Whether this tier sees a group of metadata. `GPS` stands for every tag that tells the position."""
        return (self.only is None or group in self.only) and group not in self.locked


Tiers = Mapping[str, Tier]


def tiers(max_bytes: int) -> Tiers:
    """All tiers by name. `max_bytes` is what the server takes at all: the limit of `enterprise`, a cap on all."""
    rows = (
        Tier("free", 10 * MIB, only=frozenset({"ExifTool", "File", "EXIF", "Composite"})),
        Tier("premium", 100 * MIB, locked=frozenset({"GPS", "MakerNotes"})),
        Tier("forensic", 500 * MIB),
        Tier("enterprise", max_bytes),
    )
    return {row.name: Tier(row.name, min(row.max_bytes, max_bytes), row.only, row.locked) for row in rows}


def find_tier(table: Tiers, word: str) -> Tier:
    """The tier that a client named, in any case; an empty word means the default. Raises `InvalidRequest`."""
    name = word.strip().lower() or DEFAULT_TIER
    if name not in table:
        msg = f"tier: {word[:40]!r} is none of {', '.join(table)}."
        raise InvalidRequest(msg, f"Send tier={DEFAULT_TIER}, or leave the field out.")
    return table[name]


def megabytes(size: int) -> str:
    """A size in bytes as people read it: `1.5 MB` (1 MB = 1,048,576 bytes)."""
    return f"{size / MIB:.1f} MB" if size % MIB else f"{size // MIB} MB"
