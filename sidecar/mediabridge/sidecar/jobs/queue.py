"""The queue as the web server opens it: the table, and the bell of the workers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from . import bell
from .schema import Database
from .table import Jobs


class Queue(Jobs):
    """All jobs of an instance. Raises a `Fault` where its folder cannot be used."""

    def __init__(self, instance: Path) -> None:
        self._file = Database(instance)
        super().__init__(self._file, partial(bell.ring, instance))

    def close(self) -> None:
        """Close the file; jobs and workers stay."""
        self._file.close()
