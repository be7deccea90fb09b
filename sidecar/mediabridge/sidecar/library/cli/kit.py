"""What the words of `mediabridge library` are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from mediabridge.sidecar.library.export.job import Parts
from mediabridge.sidecar.processing import Processing


@dataclass(frozen=True, slots=True)
class Kit:
    """`export_parts` gives what an export works with, for the folders below which it may write."""

    processing: Processing
    export_parts: Callable[[Sequence[str]], AbstractContextManager[Parts]]
