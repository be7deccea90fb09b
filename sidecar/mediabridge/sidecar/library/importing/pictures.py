"""The second stage of an import: thumbnail, preview and perceptual hash of each file that was read, from one decode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from mediabridge.sidecar import errors
from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import File, JobFile
from mediabridge.sidecar.faults import Fault
from mediabridge.sidecar.images.shelf import Shelf, Source
from mediabridge.sidecar.library import steps
from mediabridge.sidecar.library.original import Placed
from mediabridge.sidecar.library.steps import Done

PRESETS = ("thumbnail", "preview")
_PAGE = 256
_WRITTEN = 16
_FILES = cast("Table", File.__table__)
Local = Callable[[str], AbstractContextManager[Path]]  # content hash -> where the upload lies, while it is needed
Hash = Callable[[Path], bytes | None]  # a small upright picture -> its perceptual hash


@dataclass(frozen=True, slots=True)
class Shot:
    """A file of which pictures are to be made."""

    key: bytes
    file_id: int
    sha256: str
    placed: Placed | None  # where it lies, unless it was uploaded


@dataclass(frozen=True, slots=True)
class Pictured:
    """What came of it. That no picture can be made of a file does not make it any less imported: `problem` says why."""

    shot: Shot
    perceptual: bytes | None = None
    problem: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Illustrator:
    """Works on the steps of one job."""

    door: Door
    job_id: str
    shelf: Shelf
    local: Local
    hash_of: Hash
    new_path: Callable[[], Path]
    threads: int

    def run(self, tell: Callable[[], object]) -> None:
        """Every step that is left; `tell` is called now and then, and may raise to stop."""
        with ThreadPoolExecutor(self.threads, thread_name_prefix="pictures") as pool:
            running: set[Future[Pictured]] = set()
            done: list[Pictured] = []
            try:
                for shot in self._shots():
                    running.add(pool.submit(self._make, shot))
                    if len(running) > 2 * self.threads:
                        running = _gather(running, done)
                        self._write(done, _WRITTEN)
                        tell()
                while running:
                    running = _gather(running, done)
                    self._write(done, _WRITTEN)
                    tell()
                self._write(done, 1)
            finally:
                for one in running:
                    one.cancel()

    def _shots(self) -> Iterator[Shot]:
        after = 0
        while page := self.door.read(lambda session, after=after: self._page(session, after)):  # type: ignore[misc]
            after = page[-1][0]
            yield from (shot for _, shot in page)

    def _page(self, session: Session, after: int) -> Sequence[tuple[int, Shot]]:
        rows = session.execute(
            select(JobFile.id, JobFile.key, File.id, File.sha256, File.path, File.size, File.mtime_ns)
            .join(File, File.id == JobFile.file_id)
            .where(JobFile.job_id == self.job_id, JobFile.state == "pending", File.state == "done")
            .where(JobFile.id > after)
            .order_by(JobFile.id)
            .limit(_PAGE)
        ).tuples()
        return [(row[0], _shot(*row[1:])) for row in rows]

    def _make(self, shot: Shot) -> Pictured:
        try:
            made = self.shelf.fill_of(self._source(shot), PRESETS)
            return Pictured(shot, self.hash_of(made["preview"].path))
        except Fault as fault:
            return Pictured(shot, problem={"kind": errors.kind_of(fault).code, "message": fault.message})

    def _source(self, shot: Shot) -> Source:
        if shot.placed is not None:
            return shot.placed.source(self.new_path)
        return Source(shot.sha256, lambda: self.local(shot.sha256))

    def _write(self, done: list[Pictured], least: int) -> None:
        if len(done) < least:
            return
        batch, done[:] = list(done), []

        def write(session: Session) -> None:
            hashes = [{"file": one.shot.file_id, "hash": one.perceptual} for one in batch if one.perceptual is not None]
            if hashes:
                statement = update(_FILES).where(_FILES.c.id == bindparam("file"))
                session.connection().execute(statement.values(perceptual=bindparam("hash")), hashes)
            ends = [Done(one.shot.key, outcome=_outcome(one)) for one in batch]
            steps.finish(session, self.job_id, ends)

        self.door.write(write)


def _shot(key: bytes, file_id: int, sha256: str | None, path: bytes | None, size: int, mtime_ns: int) -> Shot:
    digest = sha256 or ""
    return Shot(key, file_id, digest, None if path is None else Placed(path, digest, size, mtime_ns))


def _outcome(one: Pictured) -> dict[str, Any]:
    return {"imported": True, **({"pictures": one.problem} if one.problem else {})}


def _gather(running: set[Future[Pictured]], done: list[Pictured]) -> set[Future[Pictured]]:
    finished, left = wait(running, return_when=FIRST_COMPLETED)
    done += [one.result() for one in finished]
    return left
