"""The second stage of an import: thumbnail, preview and perceptual hash of each file that was read, from one decode."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from mediabridge.sidecar import errors
from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import File, JobFile
from mediabridge.sidecar.faults import EngineBusy, Fault, MemoryShort, UnreadableFile, UnsupportedMedia
from mediabridge.sidecar.images import PERCEPTUAL
from mediabridge.sidecar.images.shelf import Kept, Shelf, Source
from mediabridge.sidecar.library import steps
from mediabridge.sidecar.library.original import Placed
from mediabridge.sidecar.library.steps import Done

WANTED = ("thumbnail", "preview", PERCEPTUAL)
NO_HASH = b""  # of a file that has none; None is that of one whose hash was not taken yet
_PAGE = 256
_WRITTEN = 16
_TRIES, _PAUSE_S = 30, 2.0  # while there is no memory to decode in
_FILES = cast("Table", File.__table__)
_log = logging.getLogger(__name__)


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
    """Works on the steps of one job. `local` gives the file of an upload, `new_path` a place for a link."""

    door: Door
    job_id: str
    shelf: Shelf
    local: Callable[[str], AbstractContextManager[Path]]
    new_path: Callable[[], Path]
    threads: int

    def run(self, tell: Callable[[int], object]) -> None:
        """Every step that is left; `tell` gets how many are done, and may raise to stop."""
        stop = threading.Event()
        running: set[Future[Pictured]] = set()
        made: list[Pictured] = []
        done = 0
        with ThreadPoolExecutor(self.threads, thread_name_prefix="pictures") as pool:
            try:
                for shot in chain(self._shots(), [None]):
                    if shot is not None:
                        running.add(pool.submit(self._make, shot, stop))
                    while running and (shot is None or len(running) > 2 * self.threads):
                        ended, running = wait(running, return_when=FIRST_COMPLETED)
                        made += [future.result() for future in ended]
                        if len(made) >= _WRITTEN:
                            done += self._write(made)
                        tell(done + len(made))
            except BaseException:  # somebody wants it to stop: what was made is kept
                with contextlib.suppress(Fault):
                    self._write(made)
                raise
            finally:
                stop.set()
                for future in running:
                    future.cancel()
        self._write(made)

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
        )
        return [(row[0], _shot(*row[1:])) for row in rows]

    def _make(self, shot: Shot, stop: threading.Event) -> Pictured:
        try:
            made = self._patiently(shot, stop)
            return Pictured(shot, made[PERCEPTUAL.name].path.read_bytes())
        except Fault as fault:
            # A full disk, say, is no property of the file: the next import tries it again.
            its_own = isinstance(fault, UnsupportedMedia | UnreadableFile)
            problem = {"kind": errors.kind_of(fault).code, "message": fault.message}
            return Pictured(shot, NO_HASH if its_own else None, problem)
        except Exception as problem:  # noqa: BLE001  a bug of ours; the other files shall have their pictures
            _log.exception("the pictures of a file could not be made")
            told = {"kind": "internal_error", "message": f"{type(problem).__name__}; the log says where."}
            return Pictured(shot, None, told)

    def _patiently(self, shot: Shot, stop: threading.Event) -> dict[str, Kept]:
        for _ in range(_TRIES):
            try:
                return self.shelf.fill_of(self._source(shot), WANTED)
            except (EngineBusy, MemoryShort):
                if stop.wait(_PAUSE_S):
                    break
        return self.shelf.fill_of(self._source(shot), WANTED)

    def _source(self, shot: Shot) -> Source:
        if shot.placed is not None:
            return shot.placed.source(self.new_path)
        return Source(shot.sha256, lambda: self.local(shot.sha256))

    def _write(self, made: list[Pictured]) -> int:
        """Write them and forget them; says how many there were."""
        batch, made[:] = list(made), []

        def write(session: Session) -> None:
            hashes = [{"file": one.shot.file_id, "hash": one.perceptual} for one in batch if one.perceptual is not None]
            if hashes:
                statement = update(_FILES).where(_FILES.c.id == bindparam("file"))
                session.connection().execute(statement.values(perceptual=bindparam("hash")), hashes)
            steps.finish(session, self.job_id, [Done(one.shot.key, outcome=_outcome(one)) for one in batch])

        if batch:
            self.door.write(write)
        return len(batch)


def _shot(key: bytes, file_id: int, sha256: str | None, path: bytes | None, size: int, mtime_ns: int) -> Shot:
    digest = sha256 or ""
    return Shot(key, file_id, digest, None if path is None else Placed(path, digest, size, mtime_ns))


def _outcome(one: Pictured) -> dict[str, Any]:
    return {"imported": True, **({"pictures": one.problem} if one.problem else {})}
