"""The two connections to `deepfake.db`: readers wait for nobody who writes."""

from __future__ import annotations

import threading
from pathlib import Path

from .schema import Database


class Connections:
    """Opened when they are first needed; threads share them."""

    def __init__(self, instance: Path) -> None:
        self._instance = instance
        self._lock = threading.Lock()
        self._reads: Database | None = None
        self._writes: Database | None = None

    def reader(self) -> Database:
        """SQLite lets it read while others write. Raises a `Fault`."""
        with self._lock:
            if self._reads is None:
                self._reads = Database(self._instance)
            return self._reads

    def writer(self) -> Database:
        """Raises a `Fault`."""
        with self._lock:
            if self._writes is None:
                self._writes = Database(self._instance)
            return self._writes

    def close(self) -> None:
        """Close both; they are opened again when somebody asks."""
        with self._lock:
            for database in (self._reads, self._writes):
                if database is not None:
                    database.close()
            self._reads = self._writes = None
