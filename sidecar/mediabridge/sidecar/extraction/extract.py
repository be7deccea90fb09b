"""The extraction of one file: ask the engine, group, judge; then show a tier its part. Knows no HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mediabridge.sidecar.faults import EngineDied, UnreadableFile, UnsupportedMedia

from . import engine, groups, verdict
from .content import jpeg_breaks_off
from .exiftool import Reply
from .view import View, view

_log = logging.getLogger(__name__)


class File(Protocol):
    """What must be known of a file. `name` is the client's, `extension` is lower case and without a dot."""

    @property
    def path(self) -> Path:
        """Where its bytes lie, under a name of ours."""

    @property
    def name(self) -> str:
        """The client's name of it."""

    @property
    def extension(self) -> str:
        """From the client's name; may be empty."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read of a file, for every tier: depends on the bytes, the name and the engine's version alone."""

    metadata: groups.Metadata
    warnings: tuple[str, ...]
    verdict: verdict.Verdict
    engine_name: str
    engine_version: str

    @property
    def mime_type(self) -> str:
        """As ExifTool says it."""
        return str(self.metadata.get("File", {}).get("MIMEType", "application/octet-stream"))

    @property
    def usual_extension(self) -> str:
        """The extension that files of this type usually have, in lower case; empty when the type is unknown."""
        return str(self.metadata.get("File", {}).get("FileTypeExtension", "")).lower()


class Extractor:
    """Reads files with an engine; `timeout_s` limits each."""

    def __init__(self, pool: engine.Engine, timeout_s: float) -> None:
        self._engine = pool
        self._timeout_s = timeout_s

    def read(self, file: File, gone: Callable[[], bool] | None = None) -> Reading:
        """Read everything that the file says of itself. A broken file is no error here: see the reading's verdict.

        Raises what `Engine.run` raises, and `EngineDied` when the output makes no sense.
        """
        reply = self._engine.run(*groups.ARGUMENTS, str(file.path), timeout_s=self._timeout_s, gone=gone)
        try:
            pairs = groups.parse(reply.stdout)
        except groups.NotExifToolJsonError as problem:
            raise senseless(reply, problem) from problem
        ours = [(str(file.path), file.name), (str(file.path.parent), "."), (file.path.name, file.name)]
        pairs = [(key, groups.without(value, ours)) for key, value in pairs]  # nothing of our copy's path is told
        return reading_of(pairs, file, self._engine.version or "unknown")


def senseless(reply: Reply, problem: groups.NotExifToolJsonError) -> EngineDied:
    """The fault for an answer that cannot be read; the log gets what ExifTool said."""
    _log.error("%s; it said: %r", problem, reply.stderr[:500])
    return EngineDied("ExifTool gave an answer for this file that cannot be read.")


def reading_of(pairs: groups.Pairs, file: File, version: str) -> Reading:
    """What ExifTool of this version said of a file, grouped and judged."""
    metadata = groups.regroup(pairs, file.name)
    warnings = groups.warnings(metadata)
    if jpeg_breaks_off(file.path):
        warnings.append(verdict.BREAKS_OFF)
    return Reading(metadata, tuple(warnings), verdict.judge(metadata, file.extension), engine.NAME, version)


def show(reading: Reading, name: str, shows: Callable[[str], bool]) -> View:
    """The part of a reading that a tier sees. Raises `UnsupportedMedia`, or `UnreadableFile` with that part."""
    visible = view(reading.metadata, shows)
    match reading.verdict.kind:
        case verdict.Kind.MISTYPED:
            msg = f"{name} cannot be read as a media file: {reading.verdict.reason}."
            raise UnsupportedMedia(msg, verdict.SUPPORTED)
        case verdict.Kind.UNREADABLE:
            who = "ExifTool" if reading.engine_name == engine.NAME else "The built-in reader"
            msg = f"{name} is broken. {who} says: {reading.verdict.reason}"
            raise UnreadableFile(msg, partial={"metadata": visible.metadata, "warnings": list(reading.warnings)})
        case verdict.Kind.READABLE:
            return visible
