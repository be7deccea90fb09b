"""ExifTool at work on files of the work folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from mediabridge.sidecar.extraction.engine import Engine
from mediabridge.sidecar.faults import EngineDied, ExtractionTimeout, UnreadableFile

from .target import Work

_SLOWEST = 20_000_000  # bytes a second of a disk that is no reason to give up
_TOLD = 300  # characters of ExifTool's own words


@dataclass(frozen=True, slots=True)
class Writer:
    """Threads may share it."""

    engine: Engine
    timeout_s: float
    work: Work

    def write(self, arguments: list[str], old: str, new: str, size: int, *, in_place: bool = False) -> str:
        """Write tags from one file into another. Empty when that is done; else why it is not.

        `in_place`: into a copy of it, where ExifTool makes no new file of the format.
        """
        place = self.work.place
        into = ["-o", f"{place}/{new}" if place.startswith("/proc/") else f"{place}/{new}".replace("%", "%%")]
        if in_place:
            self._duplicate(old, new)
            into, old = ["-overwrite_original"], new
        try:
            reply = self.engine.run(*arguments, *into, f"{place}/{old}", timeout_s=self.timeout_s + size / _SLOWEST)
        except (EngineDied, ExtractionTimeout, UnreadableFile) as problem:
            return problem.message
        if reply.status == 0 and self.work.has(new):
            return ""
        lines = reply.stderr.decode("utf-8", "replace").splitlines()
        errors = [line.partition(" - /")[0] for line in lines if line.startswith(("Error", "Can't"))]
        return f"ExifTool: {(errors or lines or ['it wrote nothing'])[0].removeprefix('Error: ')[:_TOLD]}"

    def read(self, *arguments: str, name: str) -> bytes:
        """What it prints of a file. Raises a `Fault`."""
        return self.engine.run(*arguments, f"{self.work.place}/{name}", timeout_s=self.timeout_s).stdout

    def _duplicate(self, old: str, new: str) -> None:
        with open(self.work.open(old), "rb") as source, open(self.work.create(new), "wb") as copy:  # noqa: PTH123
            shutil.copyfileobj(source, copy, 1024 * 1024)
