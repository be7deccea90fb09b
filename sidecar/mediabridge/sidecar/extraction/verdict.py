"""Is this file what it says it is, and is it whole? Pure: from what was read to a verdict."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from .groups import Metadata, error, warnings

BREAKS_OFF = "The picture data breaks off: the JPEG has no end marker (FF D9), so it is probably cut short."

_WORD_FOR = {"TXT": "plain text", "CSV": "comma-separated text"}
_PICTURES = "jpg jpeg jpe jp2 j2k jxl png apng gif bmp tif tiff webp heic heif hif avif ico psd psb"
_RAW = "dng cr2 cr3 crw nef nrw arw sr2 srf raf orf rw2 pef srw x3f 3fr iiq mrw rwl"
_VIDEO = "mp4 m4v mov qt avi mkv webm mts m2ts mpg mpeg wmv flv 3gp 3g2 mxf insv"
_SOUND = "mp3 m4a aac flac wav ogg oga opus aif aiff wma"
# Extensions of formats that are never text. Extensions with a second, textual meaning (.ts, .dat) are not here.
BINARY_EXTENSIONS = frozenset(f"{_PICTURES} {_RAW} {_VIDEO} {_SOUND}".split())
SUPPORTED = (
    "Supported are the formats that ExifTool reads, among them: JPEG, PNG, GIF, TIFF, WebP, HEIC, AVIF, BMP, PSD; "
    "camera RAW (DNG, CR2, CR3, NEF, ARW, RAF, ORF, RW2); MP4, MOV, AVI, MKV; MP3, FLAC, WAV; PDF, DOCX, plain text."
)
_DAMAGE = re.compile(
    r"format error|corrupt|truncated|bad |error reading|invalid|malformed|unexpected end", re.IGNORECASE
)
_BASIC_GROUPS = frozenset({"ExifTool", "File", "Composite"})  # Composite is computed from the others


class Kind(Enum):
    """The three verdicts."""

    READABLE = "readable"
    MISTYPED = "mistyped"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a clause that says what was found (`it holds plain text`); empty for a readable file."""

    kind: Kind
    reason: str = ""


def judge(metadata: Metadata, extension: str) -> Verdict:
    """Judge a file by what ExifTool said of it and by the extension that it came with (lower case, no dot)."""
    basics = metadata.get("File", {})
    file_type, mime = str(basics.get("FileType", "")), str(basics.get("MIMEType", ""))
    if not file_type:
        return Verdict(Kind.MISTYPED, "its bytes are of no format that ExifTool knows")
    if extension in BINARY_EXTENSIONS and _is_text(mime):
        return Verdict(Kind.MISTYPED, f"it holds {_WORD_FOR.get(file_type, file_type + ' text')}")
    if (problem := error(metadata)) is not None:
        return Verdict(Kind.UNREADABLE, problem)
    if not _is_text(mime) and not set(metadata) - _BASIC_GROUPS:
        damage = next((text for text in warnings(metadata) if _is_damage(text)), None)
        if damage is not None:
            return Verdict(Kind.UNREADABLE, damage)
    return Verdict(Kind.READABLE)


def _is_text(mime: str) -> bool:
    return mime.startswith("text/") or mime in {"application/json", "application/xml"}


def _is_damage(warning: str) -> bool:
    return not warning.startswith("[minor]") and _DAMAGE.search(warning) is not None
