"""How far an import is: the job's counts for the queue, its stage for whoever looks at the library."""

from __future__ import annotations

import time
from collections.abc import Callable

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.library import jobs

_NOTED_EVERY_S = 0.5
Report = Callable[[int, int, int], None]  # done, total, failed; may raise to stop
Watch = Callable[[str, int, int], None]  # stage, done, total


class Progress:
    """Of one job. A stage is `looking`, `reading`, `pictures` or `duplicates`: a file is done when all of them are."""

    def __init__(self, door: Door, job_id: str, report: Report, watch: Watch = lambda *_: None) -> None:
        self._door, self._job_id, self._report, self._watch = door, job_id, report, watch

    def enter(self, stage: str, total: int = 0) -> Callable[[int], None]:
        """Begin a stage of so many files. What it gives is to be told how many are done, and may raise to stop."""
        noted, counts = 0.0, self.counts()

        def tell(done: int) -> None:
            nonlocal noted, counts
            self._watch(stage, done, total)
            now = time.monotonic()
            if now - noted >= _NOTED_EVERY_S:
                noted = now
                self._door.write(lambda session: jobs.enter(session, self._job_id, stage, done, total))
                counts = self.counts()
            self._report(counts["done"], counts["total"], counts["failed"])

        tell(0)
        return tell

    def counts(self) -> dict[str, int]:
        """Files that are done and failed, of all."""
        job = self._door.read(lambda session: jobs.get(session, self._job_id))
        return {"done": job.done, "total": job.total, "failed": job.failed} if job else dict.fromkeys(_NONE, 0)


_NONE = ("done", "total", "failed")
