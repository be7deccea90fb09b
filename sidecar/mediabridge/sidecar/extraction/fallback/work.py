"""The child's part: reads a file stage by stage, so that what was read before a crash is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mediabridge.sidecar import containers
from mediabridge.sidecar.containers import Layout, Window

from . import composite, documents, movies, pictures
from . import values as v
from .kinds import Kind, kind_of

_STILLS = frozenset({"HEIC", "HEIF", "HEIFS", "AVIF"})
_MOVIES = frozenset({"MP4", "MOV", "M4V", "M4A", "3GP", "CR3"}) | _STILLS
_RAW = frozenset({"DNG", "CR2", "NEF", "ARW", "PEF"})
_TIFFS = _RAW | {"TIFF"}
_OFFICE = frozenset({"DOCX", "XLSX", "PPTX"})
_SOUNDS = frozenset({"MP3", "FLAC", "OGG", "WAV", "M4A"})
_BLOCKS: dict[str, Callable[[Window, Layout], pictures.Pairs]] = {
    "JPEG": pictures.jpeg, "PNG": pictures.png, "GIF": pictures.gif, "WebP": pictures.webp,
    "RIFF AVI": pictures.avi,
}  # fmt: skip


def read(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """`{"pairs": [[key, value], ...]}` for each stage, keys as ExifTool's; `{"warning": words}` for what failed."""
    path = Path(request["path"])
    kind = kind_of(path, request["extension"])
    pairs: list[pictures.Pair] = [*_basics(path, kind)]
    yield {"pairs": pairs}
    for stage in _stages(path, kind) if kind else ():
        found: list[pictures.Pair] = []
        try:
            for pair in stage:
                found.append(pair)  # noqa: PERF402  what came before an exception is kept
        except Exception as problem:  # noqa: BLE001  readers of broken files raise anything; what they found is kept
            yield {"warning": f"Reading stopped early: {type(problem).__name__}"}
        pairs += found
        yield {"pairs": found}
    yield {"pairs": [*composite.composites(pairs, raw=kind is not None and kind.file_type in _RAW)]}


def _basics(path: Path, kind: Kind | None) -> pictures.Pairs:
    yield "File:System:FileName", path.name
    yield "File:System:FileSize", v.file_size(path.stat().st_size)
    if kind:
        yield "File:FileType", kind.file_type
        yield "File:FileTypeExtension", kind.extension
        yield "File:MIMEType", kind.mime


def _stages(path: Path, kind: Kind) -> Iterator[pictures.Pairs]:
    name = kind.file_type
    if name == "PDF":
        yield documents.pdf(path)
    if name in _OFFICE:
        yield documents.office(path)
    if name in _STILLS:
        yield movies.still(path)
    if name in _SOUNDS:
        yield documents.sound(path, name)
    layout = containers.walk(path)
    with path.open("rb") as file:
        window = Window(file)
        if name in _TIFFS:
            yield pictures.exif(window.at, 0)
        elif name == "BMP":
            yield pictures.bmp(window)
        elif name == "PSD":
            yield pictures.psd(window)
        elif layout is not None and name in _MOVIES:
            yield movies.movie(window, layout)
        elif layout is not None and layout.container in _BLOCKS:
            yield _BLOCKS[layout.container](window, layout)
