"""What a file is, by its first bytes: ExifTool's name of the type, the usual extension, the MIME type."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

_HEAD = 4096
_MPEG_LAYERS = (0xE2, 0xE4, 0xE6)  # of the second byte of an MPEG audio frame: layer III, II, I
_FEW_ENTRIES = 2000
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."


@dataclass(frozen=True, slots=True)
class Kind:
    """Names as ExifTool gives them."""

    file_type: str
    extension: str
    mime: str


_MP3 = Kind("MP3", "mp3", "audio/mpeg")
_SIGNATURES: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"\xff\xd8\xff", Kind("JPEG", "jpg", "image/jpeg")),
    (0, b"\x89PNG\r\n\x1a\n", Kind("PNG", "png", "image/png")),
    (0, b"GIF87a", Kind("GIF", "gif", "image/gif")),
    (0, b"GIF89a", Kind("GIF", "gif", "image/gif")),
    (8, b"WEBPVP8X", Kind("Extended WEBP", "webp", "image/webp")),
    (8, b"WEBP", Kind("WEBP", "webp", "image/webp")),
    (8, b"WAVE", Kind("WAV", "wav", "audio/x-wav")),
    (8, b"AVI ", Kind("AVI", "avi", "video/x-msvideo")),
    (0, b"8BPS", Kind("PSD", "psd", "application/vnd.adobe.photoshop")),
    (0, b"%PDF-", Kind("PDF", "pdf", "application/pdf")),
    (0, b"fLaC", Kind("FLAC", "flac", "audio/flac")),
    (0, b"OggS", Kind("OGG", "ogg", "audio/ogg")),
    (0, b"ID3", _MP3),
    (0, b"\x1a\x45\xdf\xa3", Kind("MKV", "mkv", "video/x-matroska")),
    (0, b"\0\0\1\0", Kind("ICO", "ico", "image/x-icon")),
    (0, b"{\\rtf", Kind("RTF", "rtf", "text/rtf")),
    (0, b"BM", Kind("BMP", "bmp", "image/bmp")),
)
_BRANDS = {
    b"heic": Kind("HEIC", "heic", "image/heic"), b"heix": Kind("HEIC", "heic", "image/heic"),
    b"mif1": Kind("HEIF", "heif", "image/heif"), b"msf1": Kind("HEIFS", "heif", "image/heif-sequence"),
    b"avif": Kind("AVIF", "avif", "image/avif"), b"avis": Kind("AVIF", "avif", "image/avif"),
    b"qt  ": Kind("MOV", "mov", "video/quicktime"), b"M4A ": Kind("M4A", "m4a", "audio/mp4"),
    b"M4V ": Kind("M4V", "m4v", "video/x-m4v"), b"crx ": Kind("CR3", "cr3", "image/x-canon-cr3"),
    b"3gp4": Kind("3GP", "3gp", "video/3gpp"), b"3gp5": Kind("3GP", "3gp", "video/3gpp"),
}  # fmt: skip
_APNG = Kind("APNG", "png", "image/apng")
_MP4 = Kind("MP4", "mp4", "video/mp4")
_MOV = Kind("MOV", "mov", "video/quicktime")
_TIFF = Kind("TIFF", "tif", "image/tiff")
# RAW formats that are TIFF inside, told by the extension of the client's name.
_RAW = {
    "dng": Kind("DNG", "dng", "image/x-adobe-dng"), "cr2": Kind("CR2", "cr2", "image/x-canon-cr2"),
    "nef": Kind("NEF", "nef", "image/x-nikon-nef"), "arw": Kind("ARW", "arw", "image/x-sony-arw"),
    "pef": Kind("PEF", "pef", "image/x-pentax-pef"),
}  # fmt: skip
_ZIP = Kind("ZIP", "zip", "application/zip")
_IN_ZIP = {
    "word/document.xml": Kind("DOCX", "docx", f"{_OFFICE}wordprocessingml.document"),
    "xl/workbook.xml": Kind("XLSX", "xlsx", f"{_OFFICE}spreadsheetml.sheet"),
    "ppt/presentation.xml": Kind("PPTX", "pptx", f"{_OFFICE}presentationml.presentation"),
}
_BY_MIMETYPE = {
    f"{_OPEN}text": Kind("ODT", "odt", f"{_OPEN}text"),
    f"{_OPEN}spreadsheet": Kind("ODS", "ods", f"{_OPEN}spreadsheet"),
    f"{_OPEN}presentation": Kind("ODP", "odp", f"{_OPEN}presentation"),
    "application/epub+zip": Kind("EPUB", "epub", "application/epub+zip"),
}  # fmt: skip
_TEXTS = {"csv": Kind("CSV", "csv", "text/csv"), "json": Kind("JSON", "json", "application/json")}
_TXT = Kind("TXT", "txt", "text/plain")
_HTML = Kind("HTML", "html", "text/html")


def kind_of(path: Path, extension: str) -> Kind | None:
    """The kind of a file; the extension decides only between formats of one form. None for an unknown one.

    Raises `OSError`.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"PK\x03\x04"):
        return _in_zip(path)
    return _by_boxes(head) or _by_signature(head, extension) or _text(head, extension)


def _by_boxes(head: bytes) -> Kind | None:
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _MP4)
    return _MOV if head[4:8] in (b"moov", b"mdat", b"wide") else None


def _by_signature(head: bytes, extension: str) -> Kind | None:
    if head[:4] in (b"II*\0", b"MM\0*"):
        return _RAW.get(extension, _TIFF)
    if 0 < head.find(b"acTL") < head.find(b"IDAT"):
        return _APNG
    for offset, signature, kind in _SIGNATURES:
        if head[offset:].startswith(signature):
            return kind
    return _MP3 if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in _MPEG_LAYERS else None  # noqa: PLR2004  sync


def _in_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist()[:_FEW_ENTRIES])
            for name, kind in _IN_ZIP.items():
                if name in names:
                    return kind
            if "mimetype" in names and archive.getinfo("mimetype").file_size < _HEAD:
                return _BY_MIMETYPE.get(archive.read("mimetype").decode("latin-1").strip(), _ZIP)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        pass
    return _ZIP


def _text(head: bytes, extension: str) -> Kind | None:
    if not head or b"\0" in head:
        return None
    try:
        head[: -4 if len(head) == _HEAD else None].decode("utf-8")
    except UnicodeDecodeError:
        return None
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return _HTML
    return _TEXTS.get(extension, _TXT)
