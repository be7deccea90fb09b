"""One line of the doctor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, what to do. `needed` = the main job cannot run without it."""

    name: str
    ok: bool
    found: str
    mend: str = ""
    needed: bool = True
