"""The first stage of an import: each file is hashed and read, and has its row. Several at once, written in batches."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import File, JobFile
from mediabridge.sidecar.faults import Fault
from mediabridge.sidecar.library import intake, preferences, steps, tags
from mediabridge.sidecar.library.folders import words
from mediabridge.sidecar.library.steps import Done

from .study import Student, Studied, Task

TOGETHER = 8  # files of one ExifTool command
_PAGE = 256  # steps that are fetched at once
_WRITTEN = 64  # files of one transaction: a crash repeats no more than these


@dataclass(frozen=True, slots=True)
class Indexer:
    """Works on the steps of one job. `root`: the names of the folders below it may become tags."""

    door: Door
    job_id: str
    student: Student
    threads: int
    root: bytes | None = None

    def run(self, tell: Callable[[int], object]) -> None:
        """Study every file whose row is pending; `tell` gets how many are done, and may raise to stop."""
        settings = self.door.read(preferences.read)
        stop = threading.Event()
        running: set[Future[list[Studied]]] = set()
        studied: list[Studied] = []
        done = 0
        with ThreadPoolExecutor(self.threads, thread_name_prefix="import") as pool:
            try:
                for chunk in chain(self._chunks(), [None]):
                    if chunk is not None:
                        running.add(pool.submit(self._study, chunk, stop))
                    while running and (chunk is None or len(running) > 2 * self.threads):
                        ended, running = wait(running, return_when=FIRST_COMPLETED)
                        studied += [one for future in ended for one in future.result()]
                        if len(studied) >= _WRITTEN:
                            done += self._write(studied, settings)
                        tell(done + len(studied))
            except BaseException:  # somebody wants it to stop: what was found out is kept
                with contextlib.suppress(Fault):
                    self._write(studied, settings)
                raise
            finally:
                stop.set()
        self._write(studied, settings)

    def _study(self, tasks: Sequence[Task], stop: threading.Event) -> list[Studied]:
        return [] if stop.is_set() else self.student.study(tasks)

    def _chunks(self) -> Iterator[list[Task]]:
        after = 0
        while page := self.door.read(lambda session, after=after: self._page(session, after)):  # type: ignore[misc]
            after = page[-1][0]
            tasks = [task for _, task in page]
            yield from (tasks[start : start + TOGETHER] for start in range(0, len(tasks), TOGETHER))

    def _page(self, session: Session, after: int) -> list[tuple[int, Task]]:
        columns = (JobFile.id, JobFile.key, JobFile.outcome, File.id, File.path, File.name, File.size, File.mtime_ns)
        rows = session.execute(
            select(*columns)
            .join(File, File.id == JobFile.file_id)
            .where(JobFile.job_id == self.job_id, JobFile.state == "pending", File.state == "pending")
            .where(JobFile.id > after)
            .order_by(JobFile.id)
            .limit(_PAGE)
        )
        return [(row[0], _task(*row[1:])) for row in rows]

    def _write(self, studied: list[Studied], settings: dict[str, Any]) -> int:
        """Write them and forget them; says how many there were."""
        batch, studied[:] = list(studied), []

        def write(session: Session) -> None:
            bad = {one.task.key: one for one in batch if one.error is not None}
            intake.finish(session, [one.found for one in batch if one.found is not None])
            intake.fail(session, {one.task.file_id: one.error for one in bad.values() if one.error is not None})
            steps.finish(session, self.job_id, [Done(key, one.error) for key, one in bad.items()])
            tags.add(session, {one.task.file_id: one.keywords for one in batch if one.keywords}, "file")
            if settings["tagsFromFolders"]:
                found = {one.task.file_id: self._words(one.task, settings) for one in batch if one.found}
                tags.add(session, {number: names for number, names in found.items() if names}, "folder")

        if batch:
            self.door.write(write)
        return len(batch)

    def _words(self, task: Task, settings: dict[str, Any]) -> list[str]:
        if task.path is None or self.root is None:
            return []
        return words(os.fsencode(task.path), self.root, settings["ignoredFolders"])


def _task(
    key: bytes, outcome: Any, file_id: int, path: bytes | None, name: str, size: int, mtime_ns: int
) -> Task:  # the columns of `_page`
    place = None if path is None else Path(os.fsdecode(path))
    content_hash = "" if path is not None else str((outcome or {}).get("contentHash"))
    return Task(key, file_id, name, size, mtime_ns, place, content_hash)
