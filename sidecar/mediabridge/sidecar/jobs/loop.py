"""A worker: claims what may run, runs each on a thread of its own, keeps the leases, and ends without losing any."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from mediabridge.sidecar import requestid
from mediabridge.sidecar.events import emit
from mediabridge.sidecar.faults import Fault

from .bell import Bell
from .claims import Claims
from .handling import HOPELESS, Handlers, Interrupted, Run, error_of
from .job import Job
from .rules import LEASE_S, Verdict

BEAT_S = LEASE_S / 4
POLL_S = 5.0  # between two looks at the table when no bell rings
_FORGET_EVERY = 1000  # looks
_LAST_S = 0.5  # of the grace time, for handlers to notice that they must stop
_log = logging.getLogger(__name__)


class Worker:
    """Runs jobs until `stop`. `dead` and `ring` are those of `bell`, for this instance; `grace_s` bounds the stop."""

    def __init__(
        self,
        claims: Claims,
        bell: Bell,
        handlers: Handlers,
        *,
        dead: Callable[[str], bool],
        ring: Callable[[], object],
        grace_s: float,
    ) -> None:
        self._claims, self._bell, self._handlers = claims, bell, handlers
        self._dead, self._ring, self._grace_s = dead, ring, grace_s
        self._stopping = False  # no Event, since a signal may come while its lock is held
        self._running: dict[Run, threading.Thread] = {}
        self._changed = threading.Condition()

    def stop(self) -> None:
        """Take no more jobs, let those finish that run; may be called by a signal's handler."""
        self._stopping = True
        self._bell.wake()

    def run(self) -> None:
        """Work until `stop`; returns when nothing runs here any more, or the grace time is over."""
        ended = threading.Event()
        beat = threading.Thread(target=self._keep_leases, args=(ended,), name="leases", daemon=True)
        beat.start()
        try:
            for look in itertools.count():
                if self._stopping:
                    break
                if look % _FORGET_EVERY == 0:
                    self._guarded(self._claims.forget)
                patience = self._guarded(self._look)
                self._bell.wait(POLL_S if patience is None else min(patience, POLL_S))
            self._drain()
        finally:
            ended.set()
            beat.join()

    def _guarded(self, act: Callable[[], Any]) -> Any:
        """A table that cannot be used now is tried again later: everything that counts lies in it."""
        try:
            return act()
        except Fault as problem:
            emit(_log, logging.ERROR, "worker.blocked", problem.message, error=type(problem).__name__)
            return None

    def _look(self) -> float | None:
        """Take up, interrupt, claim; gives seconds after which there is more to do."""
        for job, verdict in self._claims.recover(self._dead):
            words = f"{job.kind} job whose worker ended in the middle is {verdict.status}"
            deaths, status = job.deaths, verdict.status
            emit(_log, logging.WARNING, "job.recovered", words, job=job.id, kind=job.kind, deaths=deaths, status=status)
        if self._running:
            wishes = self._claims.wishes(self._bell.owner)
            self._interrupt(lambda run: run.claim in wishes)
        while not self._stopping and (claimed := self._claims.claim(self._bell.owner, self._handlers)):
            self._begin(claimed)
        return self._claims.next_due(self._handlers)

    def _begin(self, job: Job) -> None:
        run = Run(job, self._claims)
        thread = threading.Thread(target=self._execute, args=(run,), name=f"job {job.id}", daemon=True)
        with self._changed:
            self._running[run] = thread
        thread.start()

    def _execute(self, run: Run) -> None:
        started = time.monotonic()
        requestid.current.set(str(run.payload.get("requestId", "-")))  # its log lines are those of who asked for it
        job = run.job
        words = f"{job.kind} job begins"
        emit(_log, logging.INFO, "job.started", words, job=job.id, kind=job.kind, attempt=job.attempts)
        try:
            self._guarded(lambda: self._settle(run, started))
        finally:
            with self._changed:
                del self._running[run]
                self._changed.notify_all()
            self._ring()  # others may wait for this job's place

    def _settle(self, run: Run, started: float) -> None:
        """Run the handler, and store what came of it."""
        try:
            result = json.dumps(self._handlers[run.job.kind](run))
        except Interrupted:
            _tell_stopped(run.job, self._claims.stop(run.claim))
        except Exception as problem:  # noqa: BLE001  a handler's failure is its job's alone
            verdict = self._claims.fail(run.claim, error_of(problem), hopeless=isinstance(problem, HOPELESS))
            _tell_failed(run.job, verdict, problem)
        else:  # a table that fails now is no failure of the job: it is run again when the lease is over
            if self._claims.complete(run.claim, result, run.progress):
                words, elapsed = f"{run.job.kind} job is done", round((time.monotonic() - started) * 1000, 1)
                emit(_log, logging.INFO, "job.completed", words, job=run.job.id, kind=run.job.kind, elapsedMs=elapsed)
            else:
                _tell_refused(run.job)

    def _keep_leases(self, ended: threading.Event) -> None:
        while not ended.wait(BEAT_S):
            if self._running:
                self._guarded(self._renew)

    def _renew(self) -> None:
        with self._changed:
            running = list(self._running)
        held = self._claims.renew(self._bell.owner, [run.job.id for run in running])
        for run in running:
            if run.claim not in held or held[run.claim] is not None:
                run.interrupt()

    def _interrupt(self, chosen: Callable[[Run], bool]) -> None:
        with self._changed:
            for run in self._running:
                if chosen(run):
                    run.interrupt()

    def _drain(self) -> None:
        """Wait; then interrupt; then give back what does not even notice that."""
        emit(_log, logging.INFO, "worker.stopping", "the worker stops", jobs=len(self._running))
        until = time.monotonic() + self._grace_s
        if not self._wait_empty(until - _LAST_S):
            self._interrupt(lambda _: True)
            self._wait_empty(until)
        with self._changed:
            left = list(self._running)
        if left:
            for run in left:
                self._guarded(partial(self._claims.stop, run.claim))
            emit(_log, logging.WARNING, "worker.cut", "jobs did not end in time and are given back", jobs=len(left))
            self._ring()

    def _wait_empty(self, until: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, max(until - time.monotonic(), 0.0))


def _tell_stopped(job: Job, verdict: Verdict | None) -> None:
    if verdict is None:
        _tell_refused(job)
    else:
        words = f"{job.kind} job stopped early and is {verdict.status}"
        emit(_log, logging.INFO, "job.stopped", words, job=job.id, kind=job.kind, status=verdict.status)


def _tell_failed(job: Job, verdict: Verdict | None, problem: Exception) -> None:
    if verdict is None:
        _tell_refused(job)
        return
    event, level, words = "job.stopped", logging.INFO, f"{job.kind} job failed when it was to stop anyway"
    if verdict.status == "queued":
        event, level = "job.retried", logging.WARNING
        words = f"{job.kind} job failed and is tried again in {verdict.delay_s:g} s"
    elif verdict.status == "failed":
        event, level, words = "job.failed", logging.ERROR, f"{job.kind} job failed for good"
    if isinstance(problem, Fault):  # of all else the log has the trace
        words = f"{words}: {problem.message}"
    emit(
        _log, level, event, words,
        trace=None if isinstance(problem, Fault) else problem,
        job=job.id, kind=job.kind, attempt=job.attempts, error=type(problem).__name__, status=verdict.status,
    )  # fmt: skip


def _tell_refused(job: Job) -> None:
    words = f"what the {job.kind} job gave is refused: it is another worker's by now"
    emit(_log, logging.WARNING, "job.refused", words, job=job.id, kind=job.kind, fence=job.fence)
