"""What a handler gets, and what it may raise."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from mediabridge.sidecar import faults
from mediabridge.sidecar.faults import (
    Conflict,
    ContentUnknown,
    EngineDied,
    Fault,
    InvalidRequest,
    PayloadTooLarge,
    RetrainingFailed,
    RetrainingRefused,
    StorageFull,
    StorageUnavailable,
    UnreadableFile,
    UnsupportedMedia,
)

from .claims import Claim, Claims
from .job import Job, Progress

HOPELESS = (
    ContentUnknown, Conflict, InvalidRequest, PayloadTooLarge, RetrainingFailed, RetrainingRefused, UnreadableFile,
    UnsupportedMedia,
)  # fmt: skip
_TOLD_EVERY_S = 0.25


class Interrupted(BaseException):  # so that `except Exception` in a handler does not keep it
    """The job was cancelled or paused, belongs to another worker by now, or its worker has to end."""


class Run:
    """One run of one job. A handler calls `report` or `check` now and then, since nothing else can stop it."""

    def __init__(self, job: Job, claims: Claims, clock: Callable[[], float] = time.monotonic) -> None:
        self.job = job
        self.claim: Claim = (job.id, job.fence)
        self.progress = job.progress
        self._claims = claims
        self._clock = clock
        self._told = -_TOLD_EVERY_S
        self._interrupted = threading.Event()

    @property
    def payload(self) -> dict[str, Any]:
        """What was submitted."""
        return self.job.payload

    def report(self, done: int, total: int = 0, failed: int = 0) -> None:
        """Tell how far the job is; stored four times a second at most. Raises `Interrupted`."""
        self.progress = Progress(done, total, failed)
        self.check()
        now = self._clock()
        if now - self._told >= _TOLD_EVERY_S:
            self._told = now
            # A table that fails for a moment is no reason to fail: somebody sees less, and the lease tells the rest.
            with contextlib.suppress(StorageFull, StorageUnavailable):
                self.still_mine()

    def check(self) -> None:
        """Raises `Interrupted` when the handler has to stop."""
        if self._interrupted.is_set():
            raise Interrupted

    def still_mine(self) -> None:
        """Ask the table, right before something that cannot be undone. Raises `Interrupted` when it is another's."""
        if not self._claims.tell(self.claim, self.progress):
            self.interrupt()
        self.check()

    def interrupt(self) -> None:
        """Have the handler stop at its next look."""
        self._interrupted.set()


Handler = Callable[[Run], Any]  # the result must be JSON
Handlers = Mapping[str, Handler]


def error_of(problem: Exception) -> dict[str, str]:
    """A failure as it is stored. Words of an exception that is no fault may tell paths, and stay in the log."""
    told = (
        problem.message if isinstance(problem, Fault) else "The job failed in a way that nobody expected; see the log."
    )
    return {"kind": type(problem).__name__, "message": told}


def fault_of(job: Job) -> Fault:
    """The failure of a dead letter, for one who asks for its result."""
    error = job.error or {}
    kind = getattr(faults, error.get("kind", ""), None)
    message = error.get("message") or "The job failed."
    if isinstance(kind, type) and issubclass(kind, Fault):
        return kind(message)
    return EngineDied(
        message, f"Look into the log for the job {job.id}; try it again with POST /api/jobs/{job.id}/retry."
    )
