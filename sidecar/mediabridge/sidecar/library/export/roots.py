"""Below which folders an export may write: EXPORT_ROOTS, none unless it is set. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from mediabridge.sidecar.faults import Forbidden

_ALLOW = "Set EXPORT_ROOTS to the folders below which exports may write (separated as PATH is), and start again."


def roots_of(setting: str | None) -> tuple[str, ...]:
    """EXPORT_ROOTS as folders; what is not absolute is none."""
    parts = (os.path.expanduser(part.strip()) for part in (setting or "").split(os.pathsep))  # noqa: PTH111
    return tuple(os.path.normpath(part) for part in parts if part.startswith("/"))


def below(target: str, roots: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """The root that holds a target, and the folders from there to it, by the names alone. Raises `Forbidden`.

    What lies behind the names is `target.py`'s matter: it follows no link on the way.
    """
    known: Sequence[str] = tuple(roots)
    if not known:
        msg = "Exports are off: no folder is allowed as their target."
        raise Forbidden(msg, _ALLOW)
    wanted = os.path.normpath(target)
    for root in sorted(known, key=len, reverse=True):
        if wanted == root or wanted.startswith(root.rstrip("/") + "/"):
            return root, tuple(part for part in wanted[len(root) :].split("/") if part)
    msg = "target: the folder lies outside of those that exports may write to."
    raise Forbidden(msg, _ALLOW)
