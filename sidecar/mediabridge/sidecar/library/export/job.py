"""The job `export`: plan, then copy after copy, then the manifest. It may end at any moment and be begun again.

Each file is a step in the database: pending until its copy has its name in the target, durably. What is unfinished
lies in a folder of its own, which the next run removes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from mediabridge.sidecar import errors
from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.extraction.engine import Engine
from mediabridge.sidecar.faults import ContentUnknown, EngineClosed, EngineUnavailable, Fault, StorageFull
from mediabridge.sidecar.library import jobs, preferences, steps
from mediabridge.sidecar.library.listings import Folders
from mediabridge.sidecar.library.steps import Done
from mediabridge.sidecar.limits import megabytes
from mediabridge.sidecar.storage.store import ContentStore

from . import manifest, records
from .along import with_xmp
from .item import Item
from .make import Made, Maker
from .options import Options
from .settle import Settler
from .target import Target, Work, fault_of

Report = Callable[[int, int, int], object]  # done, total, failed; may raise to stop
Check = Callable[[], object]  # raises to stop
_PLANNED_AT_ONCE = 500
_TOGETHER = 32  # copies whose names are made durable at once
_SOON_S = 1.0  # and those that were made meanwhile
_POLL_S = 0.25


class Task(Protocol):
    """The job, as the queue has it. `fence` is another number in each run of it."""

    @property
    def id(self) -> str:
        """Its number."""

    @property
    def payload(self) -> dict[str, Any]:
        """`{"options": Options.to_json()}`."""

    @property
    def fence(self) -> int:
        """Counts the runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an export works with. `roots`: folders below which it may write; `zone`: of times that carry none."""

    door: Door
    store: ContentStore
    engine: Engine
    timeout_s: float
    roots: Sequence[str]
    zone: tzinfo | None = None


class _StoppedError(Exception):
    """In a thread that makes copies: the job is to stop."""


def export(job: Task, parts: Parts, report: Report, check: Check) -> dict[str, Any]:
    """Do the job, or what is left of it. Raises what `report` and `check` raise, and a `Fault` that stops it all.

    `{"target", "manifest", "exported", "failed", "total"}`; files that failed are told in the manifest.
    """
    options = Options.from_json(job.payload["options"])
    parts.door.write(lambda session: jobs.begin(session, job.id, records.KIND, options.to_json()))
    _note(parts.door, job.id, "running")
    try:
        with Target.open(options.target, parts.roots, make=True) as target:
            found = _Export(job, parts, options, target, report, check).run()
    except OSError as problem:
        fault = fault_of(problem)
        _note(parts.door, job.id, "failed", fault)
        raise fault from problem
    except Fault as problem:
        _note(parts.door, job.id, "failed", problem)
        raise
    _note(parts.door, job.id, "completed")
    return found


def _note(door: Door, job_id: str, status: str, problem: Fault | None = None) -> None:
    error = None if problem is None else _error(problem)
    door.write(lambda session: jobs.settle(session, job_id, status, error))


def _error(problem: Fault) -> dict[str, str]:
    return {"kind": type(problem).__name__, "message": problem.message}


def _code(problem: Fault) -> dict[str, str]:
    """Of one file: as imports and answers name what went wrong."""
    return {"kind": errors.kind_of(problem).code, "message": problem.message}


class _Export:
    """One run."""

    def __init__(self, job: Task, parts: Parts, options: Options, target: Target, report: Report, check: Check) -> None:
        self._job, self._parts, self._options, self._target = job, parts, options, target
        self._report, self._check = report, check
        self._settler = Settler(parts.door, job.id, options, target)
        self._stop = threading.Event()
        self._done = self._failed = self._total = 0

    def run(self) -> dict[str, Any]:
        door, job_id = self._parts.door, self._job.id
        alone = self._target.claim()
        self._target.sweep(job_id, all_jobs=alone)
        self._settler.check()
        self._settler.recover()
        self._plan()
        self._done, self._failed, self._total = door.read(lambda session: records.progress(session, job_id))
        self._tell()
        self._check_room()
        work = self._target.work(job_id, self._job.fence)
        try:
            self._copy_all(work)
            name = manifest.write(door, job_id, self._options, self._target, work, self._look)
        finally:
            work.close()
            self._target.sweep(job_id, all_jobs=False)
        found = {"exported": self._done, "failed": self._failed, "total": self._total}
        return {"target": self._options.target, "manifest": name, **found}

    def _plan(self) -> None:
        """A step for each file, the oldest first."""
        door, job_id = self._parts.door, self._job.id
        if door.read(lambda session: records.is_planned(session, job_id)):
            return
        place: records.Place | None = records.START
        while place is not None:
            self._look()
            place = door.write(partial(self._plan_some, place))
        door.write(lambda session: records.settle_plan(session, job_id))

    def _plan_some(self, place: records.Place, session: Session) -> records.Place | None:
        return records.plan(session, self._job.id, self._options, place, _PLANNED_AT_ONCE)

    def _check_room(self) -> None:
        needed = self._parts.door.read(lambda session: records.bytes_left(session, self._job.id))
        free = self._target.free_bytes()
        if needed > free:
            msg = f"The target has {megabytes(free)} free; the files that are left have {megabytes(needed)}."
            raise StorageFull(msg, "Free disk space there, or export fewer files (from, to, tags, kinds).")

    def _copy_all(self, work: Work) -> None:
        """Copies are made by several threads, and named by this one, in the order of the steps."""
        parts = self._parts
        name = parts.door.read(preferences.read)["timezone"]
        zone = ZoneInfo(name) if name else parts.zone
        maker = Maker(self._options, parts.store, parts.engine, parts.timeout_s, zone, work, self._look_in_thread)
        pool = ThreadPoolExecutor(max(1, parts.engine.size), thread_name_prefix="export")
        try:
            for batch in self._pending():
                asked = [(item, pool.submit(maker.make, item)) for item in batch]
                self._settle_all(asked, work)
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _pending(self) -> Iterator[list[Item]]:
        """What is to be copied, batch by batch; what needs no copy is settled on the way."""
        door, folders, after = self._parts.door, Folders(), 0
        while True:
            rows = door.read(partial(self._rows, after))
            if not rows:
                return
            after = max(rows)
            gone = [step for step, (_, item) in rows.items() if item is None]
            self._fail({rows[step][0]: _gone() for step in gone})
            items = [with_xmp(item, folders) for _, item in rows.values() if item is not None]
            yield self._without_present(items)

    def _rows(self, after: int, session: Session) -> dict[int, tuple[bytes, Item | None]]:
        pending = steps.pending(session, self._job.id, _TOGETHER * 4, after)
        found = records.items(session, pending, self._options)
        return {row.id: (row.key, found[row.id]) for row in pending}

    def _without_present(self, items: list[Item]) -> list[Item]:
        """Copies that an earlier export has made to this folder, and that are still as it left them, stay."""
        ids = [item.file_id for item in items]
        known = self._parts.door.read(lambda session: records.earlier(session, self._job.id, ids))
        left, there = [], {}
        for item in items:
            self._look()
            outcome = known.get((item.file_id, item.recipe(self._options)))
            if outcome and self._target.digest(outcome["folder"], outcome["name"]) == outcome["sha256"]:
                there[item.key] = outcome
            else:
                left.append(item)
        if there:
            self._settler.keep(there)
            self._done += len(there)
            self._tell()
        return left

    def _settle_all(self, asked: Sequence[tuple[Item, Future[Made]]], work: Work) -> None:
        """Some together, and soon: what has no name yet is lost when the process ends."""
        ready: list[tuple[Item, Made | Fault]] = []
        since = time.monotonic()
        for item, future in asked:
            finished = False
            while not finished:
                self._look()
                finished = bool(wait([future], _POLL_S).done)
                if finished:
                    ready.append((item, _found(future)))
                if len(ready) >= _TOGETHER or (ready and time.monotonic() - since > _SOON_S):
                    self._settle(ready, work)
                    ready, since = [], time.monotonic()
        self._settle(ready, work)

    def _settle(self, results: Sequence[tuple[Item, Made | Fault]], work: Work) -> None:
        if not results:
            return
        self._look()
        made = [found for _, found in results if isinstance(found, Made)]
        self._settler.put(made, work)
        self._done += len(made)
        self._fail({item.key: found for item, found in results if isinstance(found, Fault)})
        self._tell()

    def _fail(self, problems: Mapping[bytes, Fault]) -> None:
        if problems:
            ends = [Done(key, _code(problem)) for key, problem in problems.items()]
            self._parts.door.write(lambda session: steps.finish(session, self._job.id, ends))
            self._failed += len(problems)

    def _tell(self) -> None:
        self._report(self._done, self._total, self._failed)

    def _look(self) -> None:
        self._check()

    def _look_in_thread(self) -> None:
        if self._stop.is_set():
            raise _StoppedError


def _gone() -> Fault:
    return ContentUnknown("The file is not in the library any more.")


def _found(future: Future[Made]) -> Made | Fault:
    try:
        return future.result()
    except (EngineClosed, EngineUnavailable):  # no fault of this file
        raise
    except Fault as problem:
        return problem
