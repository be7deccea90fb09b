"""Does the file keep to its container's rules, to its own name, and to its own account of its size?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mediabridge.sidecar.containers import Layout, Window
from mediabridge.sidecar.extraction import groups
from mediabridge.sidecar.extraction.verdict import BINARY_EXTENSIONS

from .model import Examined, Finding, NotApplicable, Subject

METHOD = "walk through the container's segments, chunks or boxes"
_SHOWN = 60  # parts in the facts
_WARNINGS = 20
# Many formats are ZIP archives inside; a reader that does not look closer says so, and that is no contradiction.
_ZIPPED = "docx docm xlsx xlsm pptx pptm odt ods odp odg epub jar apk kmz cbz key pages numbers"
_IN_ZIP = frozenset(_ZIPPED.split())
_SAME_EXTENSION = {
    "jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "tiff": "tif", "heif": "heic", "hif": "heic", "apng": "png",
    "m4v": "mp4", "qt": "mov", "dib": "bmp", "mpo": "jpg", "j2k": "j2c", "jpc": "j2c", "f4v": "mp4",
}  # fmt: skip


def examine(subject: Subject) -> Examined:
    """`container`, `parts` (the first of them) and `partCount`; findings for all that is against the rules."""
    layout = subject.layout
    findings = [*_warnings(subject), *_extension(subject), *_dimensions(subject)]
    if layout is None and not findings and not subject.group("File"):
        msg = "its container is none that is walked through"
        raise NotApplicable(msg)
    facts: dict[str, Any] = {"container": None if layout is None else layout.container}
    if layout is not None:
        facts |= {"partCount": len(layout.parts), "parts": _shown(layout), "end": layout.end}
        findings = [*_problems(layout), *_repeated(subject, layout), *findings]
    return Examined(facts, tuple(findings))


def _shown(layout: Layout) -> list[dict[str, Any]]:
    return [{"name": part.name, "offset": part.offset, "bytes": part.size} for part in layout.parts[:_SHOWN]]


def _problems(layout: Layout) -> Iterator[Finding]:
    for problem in layout.problems:
        where = f"byte {problem.offset}"
        data = {"problem": problem.kind, "container": layout.container, "offset": problem.offset}
        yield Finding("containerProblem", problem.what, where, "high", METHOD, data)


def _repeated(subject: Subject, layout: Layout) -> Iterator[Finding]:
    """More than one EXIF segment: a second program wrote its own beside the first."""
    with subject.path.open("rb") as file:
        window = Window(file)
        places = [part.offset for part in layout.named("APP1") if window.at(part.offset, 6) == b"Exif\0\0"]
    if len(places) > 1:
        what = f"The file has {len(places)} EXIF segments; a camera writes one."
        yield Finding("repeatedExif", what, f"byte {places[1]}", "high", METHOD, {"offsets": places[:_SHOWN]})


def _warnings(subject: Subject) -> Iterator[Finding]:
    table = {group: dict(tags) for group, tags in subject.metadata.items() if group == "ExifTool"}
    for text in groups.warnings(table)[:_WARNINGS]:
        minor = text.startswith("[minor]")
        yield Finding(
            "readerWarning",
            f"The reader of the metadata warns: {text}",
            "ExifTool:Warning",
            "low" if minor else "medium",
            "the metadata reader's own warnings",
            {"warning": text, "minor": minor},
        )


def _extension(subject: Subject) -> Iterator[Finding]:
    usual = str(subject.group("File").get("FileTypeExtension", "")).lower()
    own = subject.facts.extension
    if not usual or not own or _SAME_EXTENSION.get(own, own) == _SAME_EXTENSION.get(usual, usual):
        return
    if (usual == "zip" and own in _IN_ZIP) or (usual == "txt" and own not in BINARY_EXTENSIONS):
        return
    if subject.layout is not None and subject.layout.container.lower() == own:  # readers differ on new brands
        return
    file_type = subject.group("File").get("FileType")
    what = f"The name ends with .{own}, the content is of the type {file_type} (usually .{usual})."
    data = {"extension": own, "usualExtension": usual, "fileType": file_type}
    yield Finding("extensionMismatch", what, "File:FileName", "high", "name against the signature of the content", data)


def _dimensions(subject: Subject) -> Iterator[Finding]:
    """EXIF keeps the size that the camera wrote; programs that crop or resize often leave it as it was."""
    real, told = _size(subject.group("File"), "Image"), _size(subject.group("EXIF"), "ExifImage")
    if real and told and 0 not in told and sorted(real) != sorted(told):
        what = (
            f"The picture has {real[0]}x{real[1]} pixels, its EXIF speaks of {told[0]}x{told[1]}: "
            "it was resized or cropped after the EXIF was written."
        )
        data = {"picture": list(real), "exif": list(told)}
        yield Finding("sizeMismatch", what, "EXIF:ExifImageWidth", "medium", "frame header against EXIF", data)


def _size(table: Mapping[str, Any], prefix: str) -> tuple[int, int] | None:
    width, height = table.get(f"{prefix}Width"), table.get(f"{prefix}Height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None
