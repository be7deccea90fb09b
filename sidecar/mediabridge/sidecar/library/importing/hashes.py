"""All perceptual hashes of the library, kept from one import to the next: to load a million of them takes seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import File, Job, JobFile
from mediabridge.sidecar.library.duplicates import HashIndex, PerceptualHash
from mediabridge.sidecar.library.moments import now_us

_PAGE = 5000
_SLACK_US = 600_000_000  # for transactions that end after the moment that they name, and for clocks of other machines
_MOST_CHANGED = 2000  # of more than these, loading everything anew is faster
_Rows = list[tuple[int, bytes | None]]


class Hashes:
    """An index that knows what any process has changed since: only imports change hashes, and their jobs tell when.

    One import at a time may use it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._index: HashIndex | None = None
        self._seen_us = 0

    def index(self, door: Door, check: Callable[[], None]) -> HashIndex:
        """The index as the database is now; 24 bytes a file. `check` may raise to stop."""
        with self._lock:
            now = now_us() - _SLACK_US
            changed = None if self._index is None else door.read(self._changed)
            if self._index is None or changed is None:
                self._index = _loaded(door, check)
            else:
                for number, data in changed:
                    self._index.add(number, PerceptualHash.from_bytes(data or b""))
            self._seen_us = now
            return self._index

    def _changed(self, session: Session) -> _Rows | None:
        """Files of imports that have moved since; None for too many."""
        moved = select(Job.id).where(Job.kind == "import", Job.updated_us >= self._seen_us)
        theirs = select(JobFile.file_id).where(JobFile.job_id.in_(moved), JobFile.file_id.is_not(None))
        rows = session.execute(select(File.id, File.perceptual).where(File.id.in_(theirs)).limit(_MOST_CHANGED + 1))
        found = [(number, data) for number, data in rows]
        return found if len(found) <= _MOST_CHANGED else None


def _loaded(door: Door, check: Callable[[], None]) -> HashIndex:
    index, after = HashIndex(), 0
    while True:
        check()
        page = door.read(lambda session, after=after: _page(session, after))  # type: ignore[misc]
        if not page:
            return index
        index.extend((number, PerceptualHash.from_bytes(data or b"")) for number, data in page)
        after = page[-1][0]


def _page(session: Session, after: int) -> _Rows:
    statement = select(File.id, File.perceptual).where(File.id > after, File.perceptual.is_not(None))
    return [(number, data) for number, data in session.execute(statement.order_by(File.id).limit(_PAGE))]
