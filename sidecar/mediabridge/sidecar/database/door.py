"""The database, opened when it is first asked for: most sidecars extract, and never load SQLAlchemy."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mediabridge.sidecar.faults import Fault

from .shape import is_behind

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from .database import Database

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Door:
    """Threads may share it. What cannot be opened is tried again by whoever comes next. Raises a `Fault`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._database: Database | None = None
        self._failed: Fault | None = None

    def open(self) -> Database:
        """The database in the shape of the models; whoever comes first opens and migrates it."""
        before = self._failed
        with self._lock:
            if self._database is None:
                if before is not self._failed and self._failed is not None:
                    # It failed while we waited; if all who wait tried in turn, the last would wait for all of them.
                    raise type(self._failed)(self._failed.message, self._failed.suggestion)
                self._database = self._opened()
            return self._database

    def _opened(self) -> Database:
        from .database import Database  # noqa: PLC0415  0.3 s and 21 MB

        try:
            return Database.open(self._url)
        except Fault as fault:
            self._failed = fault
            raise

    def prepare(self) -> threading.Thread | None:
        """At the start: bring a database of an older shape to ours in the background, or see whether a server answers.

        What fails is logged, and tried again by whoever asks first.
        """
        if not is_behind(self._url):
            return None
        thread = threading.Thread(target=self._prepare, name="library", daemon=True)
        thread.start()
        return thread

    def _prepare(self) -> None:
        try:
            self.open()
        except Fault as fault:
            _log.warning("%s %s", fault.message, fault.suggestion)

    def read(self, work: Callable[[Session], T]) -> T:
        """See `Database.read`."""
        return self.open().read(work)

    def write(self, work: Callable[[Session], T]) -> T:
        """See `Database.write`."""
        return self.open().write(work)

    def close(self) -> None:
        """Close it if it was opened."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None
