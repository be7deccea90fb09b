"""What a file is and says: hash, metadata, date. Reads originals, changes nothing, knows no database."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from mediabridge.sidecar import errors
from mediabridge.sidecar.extraction.cli.files import LocalFile, is_safe
from mediabridge.sidecar.extraction.extract import Reading
from mediabridge.sidecar.extraction.many import ManyReader
from mediabridge.sidecar.extraction.reader import Plain
from mediabridge.sidecar.extraction.verdict import Kind as Verdict
from mediabridge.sidecar.faults import Conflict, EngineUnavailable, Fault, InvalidRequest, UnreadableFile
from mediabridge.sidecar.library.dates import Evidence, FileDates, Sidecar, Taken, read_xmp, when_taken, zone_at
from mediabridge.sidecar.library.intake import Dated, Found
from mediabridge.sidecar.library.listings import Folders

from . import facts, types
from .beside import Beside, beside

TOGETHER_BYTES = 64 * 1024 * 1024  # larger files are read alone: each has its own time limit
_TOLD = 500  # characters of a sidecar's description
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """A file to be studied. `key` is its step's; `path` where it lies, None for the upload `content_hash`.

    `size` and `mtime_ns` are what it had when it was found.
    """

    key: bytes
    file_id: int
    name: str
    size: int
    mtime_ns: int
    path: Path | None = None
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class Studied:
    """Of one file: what was found and its own keywords, or `error`: `{"kind", "message"}`."""

    task: Task
    found: Found | None = None
    keywords: Sequence[str] = ()
    error: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file and its sidecars, under paths that ExifTool may see."""

    file: LocalFile
    xmp: LocalFile | None
    takeout: Sidecar | None

    @property
    def files(self) -> tuple[LocalFile, ...]:
        """Those that ExifTool reads."""
        return (self.file,) if self.xmp is None else (self.file, self.xmp)


class Student:
    """Studies files with a reader of several at once, with `second` where ExifTool is not to be had.

    `local` gives the file of an upload, `new_path` where a link with a harmless name may lie.
    """

    def __init__(
        self,
        reader: ManyReader,
        second: Plain,
        zone: tzinfo,
        local: Callable[[str], AbstractContextManager[Path]],
        new_path: Callable[[], Path],
    ) -> None:
        self._reader, self._second, self._zone = reader, second, zone
        self._local, self._new_path = local, new_path
        self._folders = Folders()

    def study(self, tasks: Sequence[Task]) -> list[Studied]:
        """One answer for each task, in their order. Whatever is wrong with a file, it is that file's alone."""
        with ExitStack() as held:
            opened = [self._opened(task, held) for task in tasks]
            sound = [one for one in opened if isinstance(one, Opened)]
            found = iter(self._read([file for one in sound for file in one.files]))
            outcomes = [(one, [next(found) for _ in one.files]) for one in sound]
            rest = iter(outcomes)
            return [
                _failed(task, one) if isinstance(one, Fault) else self._judged(task, *next(rest))
                for task, one in zip(tasks, opened, strict=True)
            ]

    def _opened(self, task: Task, held: ExitStack) -> Opened | Fault:
        try:
            path = task.path or held.enter_context(self._local(task.content_hash))
            file = held.enter_context(self._named(path, task.name))
            file.measure()
            if not file.size:
                return InvalidRequest("It is empty (0 bytes).", "Look for another copy of it.")
        except Fault as fault:
            return fault
        if problem := _changed(task):
            return problem
        near = Beside() if task.path is None else beside(task.path, self._folders)
        xmp = None if near.xmp is None else held.enter_context(self._named(near.xmp, near.xmp.name))
        return Opened(file, xmp, near.takeout)

    @contextlib.contextmanager
    def _named(self, path: Path, name: str) -> Iterator[LocalFile]:
        """A file under a path that ExifTool may see."""
        file = LocalFile(name, path)
        if is_safe(os.fspath(path)):
            yield file
            return
        link = self._new_path().with_suffix(f".{file.extension}" if file.extension else "")
        link.symlink_to(path)
        file.path = link
        try:
            yield file
        finally:
            link.unlink(missing_ok=True)

    def _read(self, files: Sequence[LocalFile]) -> list[Reading | Fault]:
        if sum(file.size for file in files) <= TOGETHER_BYTES:
            found = self._reader.read(files) if files else []
        else:
            found = [one for file in files for one in self._reader.read([file])]
        return [self._again(file, one) for file, one in zip(files, found, strict=True)]

    def _again(self, file: LocalFile, found: Reading | Fault) -> Reading | Fault:
        if not isinstance(found, EngineUnavailable):
            return found
        try:
            return self._second.read(file)
        except Fault as fault:
            return fault

    def _judged(self, task: Task, opened: Opened, outcomes: Sequence[Reading | Fault]) -> Studied:
        if problem := _changed(task):  # what was read is of another file than what was hashed
            return _failed(task, problem)
        outcome, *others = outcomes
        if isinstance(outcome, Fault):
            return _failed(task, outcome)
        if outcome.verdict.kind is not Verdict.READABLE:
            return _failed(task, UnreadableFile(f"It is broken: {outcome.verdict.reason}."))
        try:
            xmp = [read_xmp(one.metadata) for one in others if isinstance(one, Reading)]
            sidecars = (*([opened.takeout] if opened.takeout else []), *xmp)
            found = self._found(task, opened.file.sha256, outcome, sidecars)
            told = [one.metadata for one in (outcome, *others) if isinstance(one, Reading)]
            return Studied(task, found, [word for metadata in told for word in facts.keywords_of(metadata)])
        except Exception as problem:  # noqa: BLE001  a bug of ours; the other files shall be imported
            _log.exception("a file could not be imported")
            error = {"kind": "internal_error", "message": f"{type(problem).__name__}; the log says where."}
            return Studied(task, error=error)

    def _found(self, task: Task, sha256: str, reading: Reading, sidecars: tuple[Sidecar, ...]) -> Found:
        metadata = reading.metadata
        taken = self._taken(task, metadata, sidecars)
        width, height = facts.size_of(metadata)
        details = facts.details_of(metadata) | facts.warnings_of(reading.warnings)
        for sidecar in sidecars:
            if sidecar.position:
                details.setdefault("position", list(sidecar.position))
            if sidecar.description:
                details.setdefault("description", sidecar.description[:_TOLD])
        return Found(
            file_id=task.file_id,
            sha256=sha256,
            mime_type=reading.mime_type,
            kind=types.kind_of(reading.mime_type),
            dated=Dated.of(taken.moment, taken.offset, taken.confidence, taken.to_json()),
            width=width,
            height=height,
            duration_s=facts.duration_of(metadata),
            details=details,
        )

    def _taken(self, task: Task, metadata: facts.Metadata, sidecars: tuple[Sidecar, ...]) -> Taken:
        modified = None if task.path is None else datetime.fromtimestamp(task.mtime_ns / 1e9, UTC)
        return when_taken(
            Evidence(
                metadata=metadata,
                name=task.name,
                zone=self._zone,
                now=datetime.now(UTC),
                files=FileDates(modified=modified),
                sidecars=sidecars,
                zone_at=zone_at,
            )
        )


def _changed(task: Task) -> Fault | None:
    """Whether the file is not the one any more that was found. Uploads do not change."""
    if task.path is None:
        return None
    try:
        told = os.lstat(task.path)
    except OSError as problem:
        return UnreadableFile(f"It cannot be read: {problem.strerror}.")
    if stat.S_ISREG(told.st_mode) and (told.st_size, told.st_mtime_ns) == (task.size, task.mtime_ns):
        return None
    return Conflict("It changed while it was imported.", "Import it again.")


def _failed(task: Task, fault: Fault) -> Studied:
    return Studied(task, error={"kind": errors.kind_of(fault).code, "message": fault.message})
