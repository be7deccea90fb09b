"""PDF by pypdf, sound by tinytag: pure Python, so that only time and memory can be at risk."""

from __future__ import annotations

import contextlib
import logging
import re
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from . import values as v
from .pictures import Pairs

_PDF_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?\s*(Z|[+-]\d\d'?\d\d'?)?")
_INFO = {
    "/Title": "Title", "/Author": "Author", "/Subject": "Subject", "/Keywords": "Keywords", "/Creator": "Creator",
    "/Producer": "Producer", "/CreationDate": "CreateDate", "/ModDate": "ModifyDate",
}  # fmt: skip


def pdf(path: Path) -> Pairs:
    """Version, pages, and the document's own description."""
    import pypdf  # noqa: PLC0415  loaded for PDF alone

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with path.open("rb") as file:
        head = file.read(1024)
        found = re.search(rb"%PDF-(\d\.\d)", head)
        yield "PDF:PDFVersion", v.plain(found[1].decode()) if found else "unknown"
        yield "PDF:Linearized", "Yes" if b"/Linearized" in head else "No"
        reader = pypdf.PdfReader(file, strict=False)
        if reader.is_encrypted:
            return
        yield "PDF:PageCount", len(reader.pages)
        info: dict[Any, Any] = dict(reader.metadata or {})
        for key, name in _INFO.items():
            value = info.get(key)
            if isinstance(value, str):
                yield f"PDF:{name}", _pdf_value(name, value)


def _pdf_value(name: str, text: str) -> Any:
    if name.endswith("Date"):
        return _pdf_date(text)
    parts = text.split(", ") if name == "Keywords" else [text]
    return [v.plain(part) for part in parts] if len(parts) > 1 else v.plain(text)


def _pdf_date(text: str) -> str:
    """`D:20220606143933+02'00'` -> `2022:06:06 14:39:33+02:00` (ISO 32000-1, 7.9.4)."""
    found = _PDF_DATE.match(text.strip())
    if not found:
        return text
    year, *parts = (found[i] for i in range(1, 7))
    month, day, hour, minute, second = (
        part or default for part, default in zip(parts, ("01", "01", "00", "00", "00"), strict=True)
    )
    zone = (found[7] or "").replace("'", "")
    zone = f"{zone[:3]}:{zone[3:5]}" if len(zone) > 1 else zone
    return f"{year}:{month}:{day} {hour}:{minute}:{second}{zone}"


_CORE = {
    "title": "XMP:Title", "subject": "XMP:Subject", "creator": "XMP:Creator", "description": "XMP:Description",
    "keywords": "XML:Keywords", "lastModifiedBy": "XML:LastModifiedBy", "revision": "XML:RevisionNumber",
    "created": "XML:CreateDate", "modified": "XML:ModifyDate", "category": "XML:Category",
}  # fmt: skip
_LARGEST_CORE = 1024 * 1024


def office(path: Path) -> Pairs:
    """The core properties of an Office document (ECMA-376 part 2, 8.3)."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        core = next((name for name in names if name.endswith("core.xml") and name.startswith("docProps/")), None)
        if core is None or archive.getinfo(core).file_size > _LARGEST_CORE:
            return
        # The child's limits of memory and time hold whatever entities this may define.
        tree = ElementTree.fromstring(archive.read(core))  # noqa: S314
    for element in tree:
        name = _CORE.get(element.tag.rpartition("}")[2])
        if name:
            text = element.text or ""
            yield name, _xml_date(text) if name.endswith("Date") else v.plain(text)


def _xml_date(text: str) -> str:
    """`2015-02-15T20:20:00Z` -> `2015:02:15 20:20:00Z`."""
    day, _, time = text.partition("T")
    return f"{day.replace('-', ':')} {time}".rstrip()


_GROUPS = {"MP3": "ID3", "FLAC": "Vorbis", "OGG": "Vorbis", "M4A": "QuickTime", "WAV": "RIFF"}


def sound(path: Path, file_type: str) -> Pairs:
    """Title, artist, album, year, track; length, channels and rates."""
    import tinytag  # noqa: PLC0415  loaded for sound alone

    tag = tinytag.TinyTag.get(path)
    group = _GROUPS.get(file_type, "Audio")
    named = {"Title": tag.title, "Artist": tag.artist, "Album": tag.album, "Genre": tag.genre, "Composer": tag.composer}
    for name, text in named.items():
        if text:
            yield f"{group}:{name}", v.plain(text)
    if tag.year:
        yield f"{group}:Year", v.plain(str(tag.year))
    if tag.track:
        yield f"{group}:Track", tag.track
    if tag.channels:
        yield f"{group}:NumChannels", tag.channels
    if tag.samplerate:
        yield f"{group}:SampleRate", tag.samplerate
    with contextlib.suppress(TypeError):
        yield "Composite:Duration", v.duration(float(tag.duration or 0))
