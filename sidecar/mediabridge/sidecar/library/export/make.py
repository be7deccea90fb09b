"""One copy, made and proved in the work folder; it has no name yet that anybody sees."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal

from mediabridge.sidecar.extraction.engine import Engine
from mediabridge.sidecar.faults import (
    EngineDied,
    ExtractionTimeout,
    UnreadableFile,
)
from mediabridge.sidecar.storage.store import ContentStore

from . import naming, originals, sidecar, tagging
from .essence import essence
from .item import Item
from .options import Options
from .target import Work

Written = Literal["embedded", "sidecar", "nothing"]
_IN_PLACE = frozenset({"image/webp"})  # ExifTool 12.57 says "Can't write RIFF files" to `-o`, and writes into them
_SLOWEST = 20_000_000  # bytes a second of a disk that is no reason to give up
_TOLD = 300  # characters of ExifTool's own words


@dataclass(frozen=True, slots=True)
class Made:
    """`file` and `beside` are names in the work folder. `why`: what kept tags from being written into the copy."""

    item: Item
    file: str
    sha256: str
    size: int
    written: Written
    beside: str | None = None
    why: str | None = None
    beside_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes copies; threads may share it. `zone` of times that carry none, None for the machine's."""

    options: Options
    store: ContentStore
    engine: Engine
    timeout_s: float
    zone: tzinfo | None
    work: Work
    check: Callable[[], None]  # raises when all is to stop; called between blocks of a copy

    def make(self, item: Item) -> Made:
        """Copy, prove, write tags, prove again. Raises a `Fault` of this file alone, and `OSError` of the target."""
        extension = naming.extension_of(item.name, item.mime_type)
        raw, tagged = f"{item.step}.raw.{extension}", f"{item.step}.{extension}"
        fd = self.work.create(raw)
        try:
            mtime_ns = originals.copy(item, self.store, fd, self.check)
            why = self._tag(item, fd, raw, tagged)
            if why == "":
                self.work.remove(raw)
            return self._finish(item, raw if why != "" else tagged, why, mtime_ns)
        except BaseException:
            self.work.remove(raw, tagged)
            raise
        finally:
            os.close(fd)

    def _tag(self, item: Item, raw_fd: int, raw: str, tagged: str) -> str | None:
        """Write tags from one file of the work folder into another. Empty: done; None: nothing to do; else why not."""
        if self.options.metadata != "embed":
            return None
        arguments = tagging.arguments(item, self.zone)
        if not arguments or not tagging.is_safe(arguments):
            return _why_not(item, arguments)
        before = self._essence(raw_fd, item)
        if before is None:
            return "Its structure is not sound, so that nobody could tell whether the picture stays as it is."
        why = self._run(item, arguments, raw, tagged)
        if why:
            self.work.remove(tagged)
            return why
        fd = self.work.open(tagged)
        try:
            after = self._essence(fd, item)
        finally:
            os.close(fd)
        if after != before:
            self.work.remove(tagged)
            return "With the tags in it the picture was not the same any more, so the copy is left as it was."
        return ""

    def _run(self, item: Item, arguments: list[str], raw: str, tagged: str) -> str:
        """Empty when ExifTool has written the file; else why it has not."""
        place = self.work.place
        into = ["-o", f"{place}/{tagged}" if place.startswith("/proc/") else f"{place}/{tagged}".replace("%", "%%")]
        if item.mime_type in _IN_PLACE:
            self._duplicate(raw, tagged)
            into, raw = ["-overwrite_original"], tagged
        try:
            reply = self.engine.run(
                *arguments, *into, f"{place}/{raw}", timeout_s=self.timeout_s + item.size / _SLOWEST
            )
        except (EngineDied, ExtractionTimeout, UnreadableFile) as problem:
            return problem.message
        if reply.status == 0 and self.work.has(tagged):
            return ""
        lines = reply.stderr.decode("utf-8", "replace").splitlines()
        errors = [line.partition(" - /")[0] for line in lines if line.startswith(("Error", "Can't"))]
        return f"ExifTool: {(errors or lines or ['it wrote nothing'])[0].removeprefix('Error: ')[:_TOLD]}"

    def _duplicate(self, old: str, new: str) -> None:
        with open(self.work.open(old), "rb") as source, open(self.work.create(new), "wb") as copy:  # noqa: PTH123
            shutil.copyfileobj(source, copy, 1024 * 1024)

    def _finish(self, item: Item, file: str, why: str | None, mtime_ns: int) -> Made:
        fd = self.work.open(file)
        try:
            os.utime(fd, ns=(mtime_ns, mtime_ns))
            os.fsync(fd)
            size = os.fstat(fd).st_size
            sha256 = originals.digest(fd, self.check) if why == "" else item.sha256
        finally:
            os.close(fd)
        if why == "":
            return Made(item, file, sha256, size, "embedded")
        content = None if self.options.metadata == "none" else sidecar.document(item)
        if content is None:
            return Made(item, file, sha256, size, "nothing", why=why)
        beside = f"{item.step}{naming.SIDECAR}"
        return Made(item, file, sha256, size, "sidecar", beside, why, self._write(beside, content))

    def _write(self, name: str, content: bytes) -> str:
        fd = self.work.create(name)
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(content)
            os.fsync(fd)
            return originals.digest(fd, self.check)
        finally:
            os.close(fd)

    def _essence(self, fd: int, item: Item) -> str | None:
        with open(fd, "rb", closefd=False) as file:
            file.seek(0)
            return essence(file, item.mime_type, self.check)


def _why_not(item: Item, arguments: list[str]) -> str | None:
    if arguments:
        return "A tag holds a line break, behind which ExifTool would see another argument."
    something = item.writes_date or item.tags
    return f"{item.mime_type or 'This format'} is not written into." if something else None
