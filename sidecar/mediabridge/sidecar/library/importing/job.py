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
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.extraction.engine import Engine
from mediabridge.sidecar.extraction.many import ManyReader
from mediabridge.sidecar.extraction.reader import Plain
from mediabridge.sidecar.images.shelf import Shelf
from mediabridge.sidecar.jobs.handling import Interrupted, Run
from mediabridge.sidecar.library import jobs, preferences

from .grouping import Grouper
from .index import Indexer
from .pictures import Illustrator
from .plan import Upload, plan_folder, plan_uploads
from .study import Student

KIND = "import"
Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What an import works with. `engine` gives a pool that is ended with the job; `local` an upload's file."""

    door: Door
    shelf: Shelf
    engine: Callable[[], AbstractContextManager[Engine]]
    second: Plain
    local: Callable[[str], AbstractContextManager[Path]]
    hash_of: Callable[[Path], bytes | None]
    new_path: Callable[[], Path]
    zone: tzinfo
    timeout_s: float
    threads: int


def run_import(tools: Tools, run: Run) -> dict[str, Any]:
    """Do the job, or what is left of it: `{"path"}` or `{"uploads": [{"contentHash", "name", "size"}]}`; its counts."""
    door, job_id = tools.door, run.job.id
    door.write(lambda session: jobs.begin(session, job_id, KIND, dict(run.payload)))
    progress = Progress(door, run)
    with _noted(door, run):
        _plan(door, run)
        progress.tell()
        with tools.engine() as engine:
            _indexer(tools, run, engine).run(progress.tell)
        _illustrator(tools, run).run(progress.tell)
        groups = Grouper(door, job_id).run(run.check)
        return {**progress.tell(), "groups": groups}


@dataclass(slots=True)
class Progress:
    """The counts of the library's job are those that the queue's job shows."""

    door: Door
    run: Run

    def tell(self) -> dict[str, int]:
        """Done, total, failed; raises `Interrupted` when the job has to stop."""
        job = self.door.read(lambda session: jobs.get(session, self.run.job.id))
        counts = {"done": job.done, "total": job.total, "failed": job.failed} if job else {}
        self.run.report(counts.get("done", 0), counts.get("total", 0), counts.get("failed", 0))
        return counts


def _plan(door: Door, run: Run) -> None:
    def looked(_files: int) -> None:
        run.check()

    if "path" in run.payload:
        plan_folder(door, run.job.id, run.payload["path"], looked)
    else:
        uploads = [Upload(one["contentHash"], one["name"], one["size"]) for one in run.payload["uploads"]]
        plan_uploads(door, run.job.id, uploads, looked)


def _indexer(tools: Tools, run: Run, engine: Engine) -> Indexer:
    settings = tools.door.read(preferences.read)
    zone = ZoneInfo(settings["timezone"]) if settings["timezone"] else tools.zone
    student = Student(ManyReader(engine, tools.timeout_s), tools.second, zone, tools.new_path)
    root = run.payload["path"].encode("utf-8", "surrogateescape") if "path" in run.payload else None
    return Indexer(tools.door, run.job.id, student, lambda name: _path_of(tools, name), tools.threads, root)


def _path_of(tools: Tools, content_hash: str) -> Path:
    # Originals on the local disk stay where they are; nothing is held open by leaving the block.
    with tools.local(content_hash) as path:
        return path


def _illustrator(tools: Tools, run: Run) -> Illustrator:
    return Illustrator(
        tools.door, run.job.id, tools.shelf, tools.local, tools.hash_of, tools.new_path, max(2, tools.threads - 1)
    )


@contextlib.contextmanager
def _noted(door: Door, run: Run) -> Iterator[None]:
    """The status in the library's own list, for the time when the queue has forgotten the job."""

    def settle(status: str, error: Mapping[str, str] | None = None) -> None:
        def write(session: Session) -> None:
            jobs.settle(session, run.job.id, status, error)

        door.write(write)

    settle("running")
    try:
        yield
    except Interrupted:  # whoever wished it has noted it; else another worker goes on
        raise
    except Exception as problem:
        settle("failed", {"kind": type(problem).__name__, "message": "The import failed; the log says why."})
        raise
    settle("completed")
