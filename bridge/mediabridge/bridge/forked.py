"""What a forked copy of the host must not keep: pre-forking servers copy every descriptor into their workers.

A copy that held the death pipe, the lock or the listening socket would keep them alive when the host is gone.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Held(Protocol):
    """Something that belongs to the process that made it."""

    def let_go(self) -> None:
        """In a copy: close the descriptor, change nothing else."""


_HELD: weakref.WeakSet[Held] = weakref.WeakSet()


def not_in_copies(held: Held) -> None:
    """Have `held` let go in every process that is forked from this one."""
    _HELD.add(held)


def _after_fork() -> None:
    for held in list(_HELD):
        held.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
