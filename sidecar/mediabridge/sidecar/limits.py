"""The tiers: one table of sizes and of what each may see. A new tier is a row here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .faults import ForbiddenTier, InvalidRequest, PayloadTooLarge

MIB = 1024 * 1024
NAMES = ("free", "premium", "forensic", "enterprise")
DEFAULT_TIER = "enterprise"  # accounts are off (CONTRACT §4)


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier: its largest file in bytes, the groups that it sees (`None` = all) and those that it never sees.

    `advanced`: whether it may ask for the advanced analysis.
    """

    name: str
    max_bytes: int
    only: frozenset[str] | None = None
    locked: frozenset[str] = frozenset()
    advanced: bool = False

    def shows(self, group: str) -> bool:
        """Whether this tier sees a group of metadata. `GPS` stands for every tag that tells the position."""
        return (self.only is None or group in self.only) and group not in self.locked


Tiers = Mapping[str, Tier]


def tiers(sizes: Mapping[str, int]) -> Tiers:
    """All tiers by name. `sizes`: tier -> bytes of its largest file; they are settings."""
    rows = (
        Tier("free", sizes["free"], only=frozenset({"ExifTool", "File", "EXIF", "Composite"})),
        Tier("premium", sizes["premium"], locked=frozenset({"GPS", "MakerNotes"})),
        Tier("forensic", sizes["forensic"], advanced=True),
        Tier("enterprise", sizes["enterprise"], advanced=True),
    )
    return {row.name: row for row in rows}


def find_tier(table: Tiers, word: str) -> Tier:
    """The tier that a client named, in any case; an empty word means the default. Raises `InvalidRequest`."""
    name = word.strip().lower() or DEFAULT_TIER
    if name not in table:
        msg = f"tier: {word[:40]!r} is none of {', '.join(table)}."
        raise InvalidRequest(msg, f"Send tier={DEFAULT_TIER}, or leave the field out.")
    return table[name]


def check_advanced(tier: Tier) -> None:
    """Raises `ForbiddenTier` for a tier without the advanced analysis."""
    if not tier.advanced:
        msg = f"tier: the advanced analysis is for forensic and enterprise; this request is of {tier.name}."
        raise ForbiddenTier(msg)


def check_size(name: str, size: int, tier: Tier) -> None:
    """Raises `PayloadTooLarge` for a file of more bytes than the tier takes."""
    if size > tier.max_bytes:
        msg = (
            f"{name} has {megabytes(size)} ({size} bytes); "
            f"the tier {tier.name} takes files up to {megabytes(tier.max_bytes)} ({tier.max_bytes} bytes)."
        )
        raise PayloadTooLarge(msg)


def megabytes(size: int) -> str:
    """A size in bytes as people read it: `1.5 MB` (1 MB = 1,048,576 bytes)."""
    return f"{size / MIB:.1f} MB" if size % MIB else f"{size // MIB} MB"
