"""What a file is, by its first bytes: the table of types that are stored. The name only tells apart what looks alike.

Sources of the signatures: the formats' own specifications, the WHATWG MIME Sniffing Standard (section 6), and for raw
pictures ExifTool's documentation of file types.
"""

from __future__ import annotations

import codecs
import re

HEAD = 8 * 1024  # bytes at the beginning that tell the type
TAIL = 64 * 1024  # bytes at the end, where a ZIP archive lists what is in it
_ZIP = "application/zip"  # provisional: office documents are archives

# (type, offset, bytes); the first that fits holds.
_SIGNATURES: tuple[tuple[str, int, bytes], ...] = (
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/gif", 0, b"GIF87a"),
    ("image/gif", 0, b"GIF89a"),
    ("image/webp", 8, b"WEBP"),
    ("image/x-canon-cr2", 8, b"CR\x02"),
    ("image/x-olympus-orf", 0, b"IIRO"),
    ("image/x-olympus-orf", 0, b"IIRS"),
    ("image/x-olympus-orf", 0, b"MMOR"),
    ("image/x-panasonic-rw2", 0, b"IIU\0"),
    ("image/x-fujifilm-raf", 0, b"FUJIFILMCCD-RAW"),
    ("image/x-sigma-x3f", 0, b"FOVb"),
    ("image/tiff", 0, b"II*\0"),
    ("image/tiff", 0, b"MM\0*"),
    ("image/tiff", 0, b"II+\0"),
    ("image/tiff", 0, b"MM\0+"),
    ("image/vnd.adobe.photoshop", 0, b"8BPS"),
    ("image/jxl", 0, b"\xff\x0a"),
    ("image/jxl", 0, b"\0\0\0\x0cJXL \r\n\x87\n"),
    ("image/jp2", 0, b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("image/jp2", 0, b"\xff\x4f\xff\x51"),
    ("image/x-icon", 0, b"\0\0\x01\0"),
    ("image/x-portable-anymap", 0, b"P5\n"),
    ("image/x-portable-anymap", 0, b"P6\n"),
    ("audio/wav", 8, b"WAVE"),
    ("video/x-msvideo", 8, b"AVI "),
    ("audio/flac", 0, b"fLaC"),
    ("audio/aiff", 8, b"AIFF"),
    ("audio/aiff", 8, b"AIFC"),
    ("audio/amr", 0, b"#!AMR"),
    ("audio/midi", 0, b"MThd"),
    ("audio/mpeg", 0, b"ID3"),
    ("video/x-flv", 0, b"FLV\x01"),
    ("video/mpeg", 0, b"\0\0\x01\xba"),
    ("video/mpeg", 0, b"\0\0\x01\xb3"),
    ("video/x-ms-asf", 0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    ("application/rtf", 0, b"{\\rtf"),
    ("application/postscript", 0, b"%!PS"),
    ("application/vnd.oasis.opendocument.text", 30, b"mimetypeapplication/vnd.oasis.opendocument.text"),
    ("application/vnd.oasis.opendocument.spreadsheet", 30, b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"),
    ("application/vnd.oasis.opendocument.presentation", 30, b"mimetypeapplication/vnd.oasis.opendocument.presentation"),
    ("application/epub+zip", 30, b"mimetypeapplication/epub+zip"),
    (_ZIP, 0, b"PK\x03\x04"),
)
_CONTAINERS = {
    8: {b"WEBP": b"RIFF", b"WAVE": b"RIFF", b"AVI ": b"RIFF", b"AIFF": b"FORM", b"AIFC": b"FORM", b"CR\x02": b"II*\0"}
}
# Names of parts that only these documents have (ECMA-376 part 1, annexes on packages).
_OFFICE = {
    b"word/document": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/workbook": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/presentation": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_BY_NAME = {
    "doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
    # With a password the new formats lie in a container of the old ones (MS-OFFCRYPTO, 2.3.4).
    "docx": _OFFICE[b"word/document"], "xlsx": _OFFICE[b"xl/workbook"], "pptx": _OFFICE[b"ppt/presentation"],
}  # fmt: skip
# Brands of ISO media (ISO/IEC 14496-12, `ftyp`), by their first letters; all others are MP4.
_BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"avi", "image/avif"),
    (b"hei", "image/heic"),
    (b"hev", "image/heic"),
    (b"mif1", "image/heif"),
    (b"msf1", "image/heif"),
    (b"crx ", "image/x-canon-cr3"),
    (b"qt  ", "video/quicktime"),
    (b"M4A", "audio/mp4"),
    (b"M4B", "audio/mp4"),
    (b"F4A", "audio/mp4"),
    (b"3g", "video/3gpp"),
)
_MP4 = "video/mp4"
_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"pnot"})  # QuickTime files of old have no `ftyp`
_RAW_BY_NAME = {
    "dng": "image/x-adobe-dng",
    "nef": "image/x-nikon-nef",
    "nrw": "image/x-nikon-nrw",
    "arw": "image/x-sony-arw",
    "sr2": "image/x-sony-sr2",
    "pef": "image/x-pentax-pef",
    "srw": "image/x-samsung-srw",
    "3fr": "image/x-hasselblad-3fr",
    "iiq": "image/x-phaseone-iiq",
    "erf": "image/x-epson-erf",
}
_TEXT_BY_NAME = {
    "md": "text/markdown",
    "markdown": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "html": "text/html",
    "htm": "text/html",
    "svg": "image/svg+xml",
    "xml": "application/xml",
}
_TEXT_NAMES = frozenset({*_TEXT_BY_NAME, "txt", "text", "log", "srt", "vtt", "ini", "tex", "rst"})
# Atomic groups: a head of nothing but comments must not cost more than one pass.
_COMMENTS = rb"\s*+(?:<!--(?>.*?-->)\s*+)*+"
_HTML = re.compile(
    _COMMENTS + rb"<(?:!doctype\s+html|html|head|body|script|iframe|title|style)\b", re.IGNORECASE | re.DOTALL
)
_MARKUP = re.compile(rb"\s*+<(?:\?xml|!--|!doctype\s+svg|svg)", re.IGNORECASE)
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_XML = re.compile(rb"\s*+<\?xml\b")
_NOT_TEXT = frozenset(range(0x20)) - {*b"\t\n\r\f\x1b"}
_BITMAP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
_OTHERS = ("application/pdf", "image/bmp", "audio/aac", "audio/ogg", "video/ogg", "video/webm", "video/x-matroska")

SUPPORTED: tuple[str, ...] = tuple(
    sorted(
        {row[0] for row in _SIGNATURES if row[0] != _ZIP}
        | {*_OFFICE.values(), *_OLE_BY_NAME.values(), *_RAW_BY_NAME.values(), *_TEXT_BY_NAME.values()}
        | {kind for _, kind in _BRANDS}
        | {*_OTHERS, _MP4, "video/mp2t", "text/plain"}
    )
)


def may_be_supported(head: bytes, extension: str) -> bool:
    """Whether the first `HEAD` bytes, or all of a shorter file, leave hope that `type_of` knows it."""
    return _by_head(head, extension) is not None


def type_of(head: bytes, tail: bytes, extension: str) -> str | None:
    """The type by the first `HEAD` and the last `TAIL` bytes; `extension` in lower case. None: it is not supported."""
    found = _by_head(head, extension)
    if found == _ZIP:
        return next((kind for part, kind in _OFFICE.items() if part in head or part in tail), None)
    return found


def _by_head(head: bytes, extension: str) -> str | None:
    signed = _by_signature(head)
    if signed == "image/tiff":
        return _RAW_BY_NAME.get(extension, signed)
    if head.startswith(_OLE):
        return _OLE_BY_NAME.get(extension)
    return signed or _iso_media(head) or _by_structure(head) or _text(head, extension)


def _by_signature(head: bytes) -> str | None:
    for kind, offset, magic in _SIGNATURES:
        if head.startswith(magic, offset) and head.startswith(_CONTAINERS.get(offset, {}).get(magic, b"")):
            return kind
    return None


def _iso_media(head: bytes) -> str | None:
    if head[4:8] in _ATOMS:
        return "video/quicktime"
    if head[4:8] != b"ftyp":
        return None
    if head[8:12] in (b"mif1", b"msf1"):  # a general brand; the compatible ones say more
        size = min(int.from_bytes(head[:4], "big"), len(head))
        also = {head[at : at + 3] for at in range(16, size, 4)}
        if also & {b"avi", b"hei"}:
            return "image/avif" if b"avi" in also else "image/heic"
    return next((kind for brand, kind in _BRANDS if head.startswith(brand, 8)), _MP4)


def _by_structure(head: bytes) -> str | None:
    """Formats of which a few fixed bytes are not enough."""
    if b"%PDF-" in head[:1024]:  # ISO 32000-1, annex H, note 13: readers accept it that late
        return "application/pdf"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"OggS"):
        return "video/ogg" if b"theora" in head[:512] else "audio/ogg"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return "image/bmp"
    if head[:1] == b"G" and all(head[at : at + 1] in (b"G", b"") for at in (188, 376, 564)) and len(head) > 188:  # noqa: PLR2004
        return "video/mp2t"  # ISO/IEC 13818-1: a sync byte every 188
    return None if _is_text(head) else _mpeg_audio(head)  # UTF-16's mark could be a frame's header, of Layer I


def _mpeg_audio(head: bytes) -> str | None:
    """A frame's header (ISO/IEC 11172-3, 2.4.1.3): eleven ones, then fields with values that are not allowed."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004
        return None
    if head[1] & 0xF6 == 0xF0:  # noqa: PLR2004  ADTS: layer 0
        return "audio/aac"
    version, layer, rate, sampling = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    proper = version != 1 and layer != 0 and rate not in (0, 15) and sampling != 3  # noqa: PLR2004
    return "audio/mpeg" if proper else None


def _text(head: bytes, extension: str) -> str | None:
    if not head or not (_is_text(head) or (extension in _TEXT_NAMES and _may_be_text(head))):
        return None
    markup = head.removeprefix(codecs.BOM_UTF8)
    if _HTML.match(markup):
        return "text/html"
    if _MARKUP.match(markup) and _SVG.search(markup):
        return "image/svg+xml"
    if _XML.match(markup):
        return "application/xml"
    return _TEXT_BY_NAME.get(extension, "text/plain")


def _may_be_text(head: bytes) -> bool:
    """Without control characters: in an older encoding, where the name says that it is a text."""
    return _NOT_TEXT.isdisjoint(head)


def _is_text(head: bytes) -> bool:
    """UTF-8, or UTF-16 with its mark, without control characters that no text has."""
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    if encoding == "utf-8" and not _NOT_TEXT.isdisjoint(head):
        return False
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return not any(ord(character) in _NOT_TEXT for character in text)
