"""The job `import`: plan → read every file → its pictures → groups of duplicates. Each stage may be cut short anywhere.

A job that is taken up again plans only what it had not, and works on steps that are still pending: a file is read once
and counted once, whoever was killed in between.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.extraction.engine import Engine
from mediabridge.sidecar.extraction.many import ManyReader
from mediabridge.sidecar.extraction.reader import Plain
from mediabridge.sidecar.faults import Fault
from mediabridge.sidecar.images.shelf import Shelf
from mediabridge.sidecar.library import jobs, preferences, steps

from . import leftover, moved
from .grouping import Grouper
from .hashes import Hashes
from .index import Indexer
from .pictures import Illustrator
from .plan import Upload, plan_folder, plan_uploads
from .progress import Progress, Watch
from .study import Student

KIND = "import"
Payload = Mapping[str, Any]


class Run(Protocol):
    """One run of one job. `report` and `check` raise when it has to stop: something that is no `Exception`."""

    @property
    def payload(self) -> dict[str, Any]:
        """What is to be imported."""

    def report(self, done: int, total: int = 0, failed: int = 0) -> None:
        """Tell how far the job is."""

    def check(self) -> None:
        """Look whether it has to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What an import works with. `engine` gives a pool that is ended with the job; `local` an upload's file."""

    door: Door
    shelf: Shelf
    engine: Callable[[], AbstractContextManager[Engine]]
    second: Plain
    local: Callable[[str], AbstractContextManager[Path]]
    new_path: Callable[[], Path]
    zone: tzinfo
    timeout_s: float
    hashes: Hashes  # kept for the next job
    readers: int  # files are studied by so many threads
    decoders: int  # and their pictures asked for by so many


def run_import(tools: Tools, job_id: str, run: Run, watch: Watch = lambda *_: None) -> dict[str, Any]:
    """Do the job, or what is left of it: `{"path"}` or `{"uploads": [{"contentHash", "name", "size"}]}`; its counts.

    `watch` is told the stage, and how far it is.
    """
    door = tools.door
    door.write(lambda session: jobs.begin(session, job_id, KIND, dict(run.payload)))
    progress = Progress(door, job_id, run.report, watch)
    with _noted(door, job_id):
        _plan(door, job_id, run.payload, progress.enter("looking"))
        if unread := _left(door, job_id, "pending"):
            with tools.engine() as engine:
                _indexer(tools, job_id, run, engine).run(progress.enter("reading", unread))
        if undrawn := _left(door, job_id, "done"):
            illustrator = Illustrator(door, job_id, tools.shelf, tools.local, tools.new_path, tools.decoders)
            illustrator.run(progress.enter("pictures", undrawn))
        leftover.settle(door, job_id)
        moved.follow(door, job_id)
        if unread or undrawn:
            progress.enter("duplicates")
        groups = Grouper(door, job_id, tools.hashes).run(run.check)
        return {**progress.counts(), "groups": groups, **_told(door, job_id)}


def _plan(door: Door, job_id: str, payload: Payload, tell: Callable[[int], None]) -> None:
    if "path" in payload:
        plan_folder(door, job_id, payload["path"], tell)
    else:
        uploads = [Upload(one["contentHash"], one["name"], one["size"]) for one in payload["uploads"]]
        plan_uploads(door, job_id, uploads, tell)


def _told(door: Door, job_id: str) -> dict[str, Any]:
    options: Any = door.read(lambda session: getattr(jobs.get(session, job_id), "options", None))
    warning = jobs.warning(options)
    return {"missing": jobs.missing(options), **({"warning": warning} if warning else {})}


def _left(door: Door, job_id: str, file_state: str) -> int:
    return door.read(lambda session: steps.left(session, job_id, file_state))


def _indexer(tools: Tools, job_id: str, run: Run, engine: Engine) -> Indexer:
    settings = tools.door.read(preferences.read)
    zone = ZoneInfo(settings["timezone"]) if settings["timezone"] else tools.zone
    student = Student(ManyReader(engine, tools.timeout_s), tools.second, zone, tools.local, tools.new_path)
    root = run.payload["path"].encode("utf-8", "surrogateescape") if "path" in run.payload else None
    return Indexer(tools.door, job_id, student, tools.readers, root)


@contextlib.contextmanager
def _noted(door: Door, job_id: str) -> Iterator[None]:
    """The status in the library's own list, for the time when the queue has forgotten the job.

    Of a job that was stopped, whoever wished it has noted it; else another worker goes on.
    """

    def settle(status: str, error: Mapping[str, str] | None = None) -> None:
        def write(session: Session) -> None:
            jobs.settle(session, job_id, status, error)

        door.write(write)

    settle("running")
    try:
        yield
    except Exception as problem:
        message = problem.message if isinstance(problem, Fault) else "The import failed; the log says why."
        with contextlib.suppress(Fault):  # it may be the database itself that fails; the queue notes it anyway
            settle("failed", {"kind": type(problem).__name__, "message": message})
        raise
    settle("completed")
