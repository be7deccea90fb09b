"""The first stage of an import: each file is hashed and read, and has its row. Several at once, written in batches."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import File, JobFile
from mediabridge.sidecar.library import intake, preferences, steps, tags
from mediabridge.sidecar.library.folders import words
from mediabridge.sidecar.library.steps import Done

from .study import Student, Studied, Task

TOGETHER = 8  # files of one ExifTool command
_PAGE = 256  # steps that are fetched at once
_WRITTEN = 64  # files of one transaction: a crash repeats no more than these
Study = Callable[[Sequence[Task]], list[Studied]]
Locate = Callable[[str], Path]  # content hash -> where the upload lies; raises `ContentUnknown`


@dataclass(frozen=True, slots=True)
class Indexer:
    """Works on the steps of one job. `root` is the folder whose names below it may become tags."""

    door: Door
    job_id: str
    student: Student
    locate: Locate
    threads: int
    root: bytes | None = None

    def run(self, tell: Callable[[], object]) -> None:
        """Study every file whose row is pending; `tell` is called now and then, and may raise to stop."""
        settings = self.door.read(preferences.read)
        stop = threading.Event()
        with ThreadPoolExecutor(self.threads, thread_name_prefix="import") as pool:
            running: set[Future[list[Studied]]] = set()
            done: list[Studied] = []
            try:
                for chunk in self._chunks():
                    running.add(pool.submit(self._study, chunk, stop))
                    while len(running) > 2 * self.threads:
                        running = self._gather(running, done)
                        self._write(done, settings, _WRITTEN)
                        tell()
                while running:
                    running = self._gather(running, done)
                    self._write(done, settings, _WRITTEN)
                    tell()
                self._write(done, settings, 1)
            finally:
                stop.set()

    def _study(self, tasks: Sequence[Task], stop: threading.Event) -> list[Studied]:
        return [] if stop.is_set() else self.student.study(tasks)

    def _gather(self, running: set[Future[list[Studied]]], done: list[Studied]) -> set[Future[list[Studied]]]:
        finished, left = wait(running, return_when=FIRST_COMPLETED)
        for one in finished:
            done += one.result()
        return left

    def _chunks(self) -> Iterator[list[Task]]:
        after = 0
        while True:
            page = self.door.read(lambda session, after=after: self._page(session, after))  # type: ignore[misc]
            if not page:
                return
            after = page[-1][0]
            tasks = [task for _, task in page]
            yield from (tasks[start : start + TOGETHER] for start in range(0, len(tasks), TOGETHER))

    def _page(self, session: Session, after: int) -> list[tuple[int, Task]]:
        columns = (JobFile.id, JobFile.key, JobFile.outcome, File.id, File.path, File.name, File.mtime_ns)
        rows = session.execute(
            select(*columns)
            .join(File, File.id == JobFile.file_id)
            .where(JobFile.job_id == self.job_id, JobFile.state == "pending", File.state == "pending")
            .where(JobFile.id > after)
            .order_by(JobFile.id)
            .limit(_PAGE)
        ).tuples()
        return [(row[0], self._task(*row[1:])) for row in rows]

    def _task(self, key: bytes, outcome: Any, file_id: int, path: bytes | None, name: str, mtime_ns: int) -> Task:
        if path is not None:
            return Task(key, file_id, Path(os.fsdecode(path)), name, mtime_ns)
        return Task(key, file_id, self.locate(outcome["contentHash"]), name, mtime_ns, on_disk=False)

    def _write(self, done: list[Studied], settings: dict[str, Any], least: int) -> None:
        if len(done) < least:
            return
        batch, done[:] = list(done), []

        def write(session: Session) -> None:
            good = [one.found for one in batch if one.found is not None]
            bad = {one.task.key: one for one in batch if one.error is not None}
            intake.finish(session, good)
            intake.fail(session, {one.task.file_id: one.error for one in bad.values() if one.error is not None})
            steps.finish(session, self.job_id, [Done(key, one.error) for key, one in bad.items()])
            tags.add(session, {one.task.file_id: one.keywords for one in batch if one.keywords}, "file")
            if settings["tagsFromFolders"] and self.root is not None:
                found = {one.task.file_id: self._folder_words(one.task, settings) for one in batch if one.found}
                tags.add(session, {number: names for number, names in found.items() if names}, "folder")

        self.door.write(write)

    def _folder_words(self, task: Task, settings: dict[str, Any]) -> list[str]:
        if not task.on_disk or self.root is None:
            return []
        return words(os.fsencode(task.path), self.root, settings["ignoredFolders"])
