"""Tiers over cached metadata: which entry may serve which tier, and what of it that tier sees. Pure."""

from __future__ import annotations

from typing import Any

from mediabridge.sidecar.extraction.view import view
from mediabridge.sidecar.limits import Tier


def covers(wide: Tier, narrow: Tier) -> bool:
    """Whether `wide` sees everything that `narrow` sees, so that metadata made for it may serve both."""
    if narrow.only is not None:
        return all(wide.shows(group) for group in narrow.only if narrow.shows(group))
    return wide.only is None and wide.locked <= narrow.locked


def visible(metadata: dict[str, Any], tier: Tier) -> dict[str, Any]:
    """What a tier sees, in the same order. A value at the top that is no table counts as a group of its name."""
    groups = {name: tags for name, tags in metadata.items() if isinstance(tags, dict)}
    others = {name: value for name, value in metadata.items() if name not in groups and tier.shows(name)}
    seen = dict(view(groups, tier.shows).metadata)
    rest = view({"": others}, lambda group: group == "" or tier.shows(group)).metadata.get("", {})
    return {name: seen[name] if name in seen else rest[name] for name in metadata if name in seen or name in rest}
