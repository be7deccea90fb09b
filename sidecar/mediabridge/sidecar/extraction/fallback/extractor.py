"""The reader for the time when ExifTool is missing: the main fields, under the same names and with the same values.

Covered: file type and size; JPEG, PNG, GIF, WebP, TIFF and its RAW relatives, HEIF, AVIF, BMP, PSD with EXIF and GPS;
times and sizes of MP4 and MOV; PDF; MP3, FLAC, OGG, WAV, M4A. Not covered: XMP, IPTC, maker notes, colour profiles,
Office documents, thumbnails.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

from mediabridge.sidecar.extraction import extract, groups, verdict
from mediabridge.sidecar.faults import ClientGone, EngineBusy, EngineUnavailable, ExtractionTimeout
from mediabridge.sidecar.isolated import IsolationError, Limits, NoRoom, NotStarted, Runner, TookTooLong

NAME = "builtin"
WARNING = (
    "ExifTool is missing: the built-in reader gave the main fields only, without XMP, IPTC, maker notes and colour "
    "profiles. Run: mediabridge doctor"
)
_TASK = "mediabridge.sidecar.extraction.fallback.work:read"
_LEFT = "The client left before the answer was ready."
_NOT_READ = "Nothing but its type could be read."
_BASIC = frozenset({"File", "Composite"})


class BuiltinExtractor:
    """Reads files without ExifTool, each in a child process; same calls as `extract.Extractor`."""

    def __init__(self, runner: Runner, timeout_s: float = 30.0) -> None:
        self._runner = runner
        self._limits = Limits(seconds=timeout_s)

    @property
    def version(self) -> str:
        """Of this package, whose part the reader is."""
        try:
            return metadata.version("mediabridge")
        except metadata.PackageNotFoundError:
            return "unknown"

    def read(self, file: extract.File, gone: Callable[[], bool] | None = None) -> extract.Reading:
        """The main fields of a file; a broken one gives what could be read, and says so.

        Raises `ExtractionTimeout`, `EngineBusy`, `EngineUnavailable`; `ClientGone` when `gone` says so.
        """
        pairs: groups.Pairs = []
        warnings = [WARNING]
        try:
            for part in self._runner.stream(_TASK, {"path": str(file.path), "extension": file.extension}, self._limits):
                pairs += [(key, value) for key, value in part.get("pairs", ())]
                warnings += [part["warning"]] if "warning" in part else []
                if gone is not None and gone():
                    raise ClientGone(_LEFT)
        except IsolationError as problem:
            if not pairs:
                raise _fault(problem) from problem
            warnings.append(f"Reading stopped early: {problem}.")
        table = groups.regroup(pairs, file.name)
        judged = _judge(table, file.extension, stopped=len(warnings) > 1)
        return extract.Reading(table, tuple(warnings), judged, NAME, self.version)


def _judge(table: groups.Metadata, extension: str, *, stopped: bool) -> verdict.Verdict:
    judged = verdict.judge(table, extension)
    if (
        judged.kind is verdict.Kind.READABLE
        and stopped
        and not set(table) - _BASIC
        and "ImageWidth" not in table["File"]
    ):
        return verdict.Verdict(verdict.Kind.UNREADABLE, _NOT_READ)
    return judged


def _fault(problem: IsolationError) -> ExtractionTimeout | EngineBusy | EngineUnavailable:
    match problem:
        case TookTooLong():
            return ExtractionTimeout(f"Reading the file was given up: {problem}.")
        case NoRoom():
            return EngineBusy(f"The built-in reader is busy: {problem}.")
        case NotStarted():
            return EngineUnavailable(f"The built-in reader did not start: {problem}.")
        case _:
            return EngineUnavailable(f"The built-in reader failed: {problem}.")
