"""The queue as the web server opens it: the table, and the bell of the workers."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from . import bell
from .schema import Database, Parameters
from .table import Jobs


class OnDemand:
    """A `Database` that is opened when it is first asked, and again after a failure; threads may share it."""

    def __init__(self, instance: Path) -> None:
        self._instance = instance
        self._lock = threading.Lock()
        self._database: Database | None = None

    def run(self, statement: str, parameters: Parameters | None = None) -> list[sqlite3.Row]:
        """As `Database.run`."""
        return self._opened().run(statement, parameters)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """As `Database.transaction`."""
        with self._opened().transaction():
            yield

    def close(self) -> None:
        """Close the file, where it was opened."""
        with self._lock:
            if self._database is not None:
                self._database.close()

    def _opened(self) -> Database:
        with self._lock:
            if self._database is None:
                self._database = Database(self._instance)
            return self._database


class Queue(Jobs):
    """All jobs of an instance. Every method raises a `Fault` where its folder cannot be used."""

    def __init__(self, instance: Path) -> None:
        self._file = OnDemand(instance)
        self._figures = OnDemand(instance)  # so that no look at the figures waits for a writer
        self._instance = instance
        super().__init__(self._file, partial(bell.ring, instance))

    def figures(self) -> dict[str, int]:
        """Jobs that are `pending`, `processing` (running) and `failed` for good, and `workers` that are alive."""
        counts = Jobs(self._figures).counts()
        return {
            "pending": counts.get("queued", 0),
            "processing": counts.get("running", 0),
            "failed": counts.get("failed", 0),
            "workers": bell.alive(self._instance),
        }

    def close(self) -> None:
        """Close the file; jobs and workers stay."""
        self._file.close()
        self._figures.close()
