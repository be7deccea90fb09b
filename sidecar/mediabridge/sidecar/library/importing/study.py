"""What a file is and says: hash, metadata, date. Reads originals, changes nothing, knows no database."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from mediabridge.sidecar import errors
from mediabridge.sidecar.extraction.cli.files import LocalFile, is_safe
from mediabridge.sidecar.extraction.extract import Reading
from mediabridge.sidecar.extraction.many import ManyReader
from mediabridge.sidecar.extraction.reader import Plain
from mediabridge.sidecar.extraction.verdict import Kind as Verdict
from mediabridge.sidecar.faults import EngineUnavailable, Fault, InvalidRequest, UnreadableFile
from mediabridge.sidecar.library.dates import (
    Evidence,
    FileDates,
    Folder,
    Sidecar,
    SidecarError,
    Taken,
    read_takeout,
    read_xmp,
    when_taken,
    zone_at,
)
from mediabridge.sidecar.library.intake import Dated, Found

from . import facts, types

TOGETHER_BYTES = 64 * 1024 * 1024  # larger files are read alone: each has its own time limit
_TAKEOUT_BYTES = 1024 * 1024 + 1


@dataclass(frozen=True, slots=True)
class Task:
    """A file to be studied. `key` is its step's, `path` where it lies; `on_disk`: its folder and dates are its own."""

    key: bytes
    file_id: int
    path: Path
    name: str
    mtime_ns: int
    on_disk: bool = True


@dataclass(frozen=True, slots=True)
class Studied:
    """Of one file: what was found and its own keywords, or `error`: `{"kind", "message"}`."""

    task: Task
    found: Found | None = None
    keywords: Sequence[str] = ()
    error: dict[str, str] | None = None


class Folders:
    """Listings of folders, for sidecars. Threads may share it: a listing that is made twice does no harm."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._known: dict[str, Folder] = {}

    def of(self, folder: str) -> Folder:
        """The sidecars of a folder; none where it cannot be listed any more."""
        found = self._known.get(folder)
        if found is None:
            names: list[str] = []
            with contextlib.suppress(OSError):
                names = os.listdir(folder)  # noqa: PTH208  names are all that is asked
            found = Folder(names)
            while len(self._known) >= self._most:
                self._known.pop(next(iter(self._known)), None)
            self._known[folder] = found
        return found


@dataclass(frozen=True, slots=True)
class Student:
    """Studies files with a reader of several at once, with `second` where ExifTool is not to be had.

    `new_path`: where a link with a harmless name may lie.
    """

    reader: ManyReader
    second: Plain
    zone: tzinfo
    new_path: Callable[[], Path]
    folders: Folders = field(default_factory=Folders)

    def study(self, tasks: Sequence[Task]) -> list[Studied]:
        """One answer for each task, in their order."""
        with ExitStack() as links:
            files = [self._local(task, links) for task in tasks]
            problems = [_measure(file) for file in files]
            sound = [file for file, problem in zip(files, problems, strict=True) if problem is None]
            readings = iter(self._read(sound))
            outcomes = [problem or next(readings) for problem in problems]
            answers = zip(tasks, files, outcomes, strict=True)
            return [self._judge(task, file, outcome) for task, file, outcome in answers]

    def _local(self, task: Task, links: ExitStack) -> LocalFile:
        shown = os.fspath(task.path)
        file = LocalFile(shown, task.path)
        if not is_safe(shown):
            link = self.new_path().with_suffix(f".{file.extension}" if file.extension else "")
            link.symlink_to(task.path)
            links.callback(link.unlink, missing_ok=True)
            file.path = link
        return file

    def _read(self, files: Sequence[LocalFile]) -> list[Reading | Fault]:
        if sum(file.size for file in files) <= TOGETHER_BYTES:
            found = self.reader.read(files) if files else []
        else:
            found = [one for file in files for one in self.reader.read([file])]
        return [self._again(file, one) for file, one in zip(files, found, strict=True)]

    def _again(self, file: LocalFile, found: Reading | Fault) -> Reading | Fault:
        if not isinstance(found, EngineUnavailable):
            return found
        try:
            return self.second.read(file)
        except Fault as fault:
            return fault

    def _judge(self, task: Task, file: LocalFile, outcome: Reading | Fault) -> Studied:
        try:
            if isinstance(outcome, Fault):
                raise outcome
            if outcome.verdict.kind is not Verdict.READABLE:
                msg = f"It is broken: {outcome.verdict.reason}."
                raise UnreadableFile(msg)
            return self._found(task, file, outcome)
        except Fault as fault:
            return Studied(task, error={"kind": errors.kind_of(fault).code, "message": fault.message})

    def _found(self, task: Task, file: LocalFile, reading: Reading) -> Studied:
        metadata = reading.metadata
        sidecars = tuple(self._sidecars(task)) if task.on_disk else ()
        taken = self._taken(task, metadata, sidecars)
        width, height = facts.size_of(metadata)
        details = facts.details_of(metadata)
        for sidecar in sidecars:
            if sidecar.position:
                details.setdefault("position", list(sidecar.position))
            if sidecar.description:
                details.setdefault("description", sidecar.description[:500])
        found = Found(
            file_id=task.file_id,
            sha256=file.sha256,
            mime_type=reading.mime_type,
            kind=types.kind_of(reading.mime_type),
            dated=Dated.of(taken.moment, taken.offset, taken.confidence, taken.to_json()),
            width=width,
            height=height,
            duration_s=facts.duration_of(metadata),
            details=details,
        )
        return Studied(task, found, facts.keywords_of(metadata))

    def _taken(self, task: Task, metadata: facts.Metadata, sidecars: tuple[Sidecar, ...]) -> Taken:
        modified = datetime.fromtimestamp(task.mtime_ns / 1e9, UTC) if task.on_disk else None
        return when_taken(
            Evidence(
                metadata=metadata,
                name=task.name,
                zone=self.zone,
                now=datetime.now(UTC),
                files=FileDates(modified=modified),
                sidecars=sidecars,
                zone_at=zone_at,
            )
        )

    def _sidecars(self, task: Task) -> Iterator[Sidecar]:
        folder = task.path.parent
        beside = self.folders.of(os.fspath(folder)).beside(task.path.name)
        if beside.takeout:
            with contextlib.suppress(OSError, SidecarError), (folder / beside.takeout).open("rb") as file:
                yield read_takeout(file.read(_TAKEOUT_BYTES))
        if beside.xmp:
            found: list[Any] = self.reader.read([LocalFile(beside.xmp, folder / beside.xmp)])
            if isinstance(found[0], Reading):
                yield read_xmp(found[0].metadata)


def _measure(file: LocalFile) -> Fault | None:
    try:
        file.measure()
    except Fault as fault:
        return fault
    if not file.size:
        return InvalidRequest("It is empty (0 bytes).", "Look for another copy of it.")
    return None
