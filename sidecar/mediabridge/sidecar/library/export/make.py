"""One copy, made and proved in the work folder; it has no name yet that anybody sees."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Literal

from mediabridge.sidecar.extraction.engine import Engine
from mediabridge.sidecar.storage.store import ContentStore

from . import along, naming, originals, sidecar, tagging
from .essence import essence
from .item import Item, Xmp
from .options import Options
from .target import Work
from .writing import Writer

Written = Literal["embedded", "sidecar", "nothing"]
_IN_PLACE = frozenset({"image/webp"})  # ExifTool 12.57 says "Can't write RIFF files" to `-o`, and writes into them


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
            self.work.remove(raw, tagged, f"{item.step}.raw.xmp", f"{item.step}.xmp")
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
        why = self._writer.write(arguments, raw, tagged, item.size, in_place=item.mime_type in _IN_PLACE)
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

    def _finish(self, item: Item, file: str, why: str | None, mtime_ns: int) -> Made:
        fd = self.work.open(file)
        try:
            os.utime(fd, ns=(mtime_ns, mtime_ns))
            os.fsync(fd)
            size = os.fstat(fd).st_size
            sha256 = originals.digest(fd, self.check) if why == "" else item.sha256
        finally:
            os.close(fd)
        if item.xmp is not None:
            written: Written = "embedded" if why == "" else "nothing"
            return self._with_xmp(item.xmp, Made(item, file, sha256, size, written, why=why or None))
        if why == "":
            return Made(item, file, sha256, size, "embedded")
        content = None if self.options.metadata == "none" else sidecar.document(item)
        if content is None:
            return Made(item, file, sha256, size, "nothing", why=why)
        beside = f"{item.step}{naming.SIDECAR}"
        return Made(item, file, sha256, size, "sidecar", beside, why, self._write(beside, content))

    def _with_xmp(self, xmp: Xmp, made: Made) -> Made:
        """What goes along takes the place of what we would have laid beside the copy."""
        write = self.options.metadata != "none"
        found = along.carry(made.item, xmp, self._writer, write=write, check=self.check)
        written = "sidecar" if found.written and made.written == "nothing" else made.written
        why = " ".join(filter(None, (made.why, found.why))) or None
        return replace(made, written=written, why=why, beside=found.file, beside_sha256=found.sha256)

    @property
    def _writer(self) -> Writer:
        return Writer(self.engine, self.timeout_s, self.work)

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
