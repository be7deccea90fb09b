"""What a file is, by its content; the name only tells apart what looks alike."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediabridge.sidecar.storage.types import HEAD, SUPPORTED, TAIL, may_be_supported, type_of


def kind(content: bytes, extension: str = "") -> str | None:
    head = content[:HEAD]
    found = type_of(head, content[-TAIL:], extension)
    assert found is None or may_be_supported(head, extension)
    assert found is None or found in SUPPORTED
    return found


def picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, form)
    return out.getvalue()


def archive(*names: str, noise: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("[Content_Types].xml", b"x" * noise)
        for name in names:
            made.writestr(name, b"<x/>")
    return out.getvalue()


def brand(word: bytes, *also: bytes) -> bytes:
    body = b"ftyp" + word + b"\0\0\0\0" + b"".join(also)
    return struct.pack(">I", len(body) + 4) + body + b"\0\0\0\x08free"


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("JPEG", "image/jpeg"), ("PNG", "image/png"), ("GIF", "image/gif"), ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"), ("BMP", "image/bmp"), ("ICO", "image/x-icon"), ("AVIF", "image/avif"),
        ("PDF", "application/pdf"), ("JPEG2000", "image/jp2"),
    ],
)  # fmt: skip
def test_pictures(form: str, wanted: str) -> None:
    assert kind(picture(form), "exe") == wanted


@pytest.mark.parametrize(
    ("content", "extension", "wanted"),
    [
        (brand(b"heic"), "", "image/heic"),
        (brand(b"mif1", b"heic"), "", "image/heic"),
        (brand(b"mif1", b"mif1", b"avif"), "", "image/avif"),
        (brand(b"mif1"), "", "image/heif"),
        (brand(b"isom"), "", "video/mp4"),
        (brand(b"qt  "), "", "video/quicktime"),
        (brand(b"M4A "), "", "audio/mp4"),
        (brand(b"crx "), "", "image/x-canon-cr3"),
        (brand(b"3gp5"), "", "video/3gpp"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "", "video/quicktime"),
        (b"\x1a\x45\xdf\xa3" + b"\0" * 20 + b"webm", "", "video/webm"),
        (b"\x1a\x45\xdf\xa3" + b"\0" * 20 + b"matroska", "", "video/x-matroska"),
        (b"RIFF\0\0\0\0WAVEfmt ", "", "audio/wav"),
        (b"RIFF\0\0\0\0AVI LIST", "", "video/x-msvideo"),
        (b"FORM\0\0\0\0AIFFCOMM", "", "audio/aiff"),
        (b"XXXX\0\0\0\0WAVEfmt ", "", None),
        (b"OggS\0\x02" + b"\0" * 22 + b"OpusHead", "", "audio/ogg"),
        (b"OggS\0\x02" + b"\0" * 22 + b"\x80theora", "", "video/ogg"),
        (b"ID3\x04" + b"\0" * 20, "", "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + b"\0" * 20, "", "audio/mpeg"),
        (b"\xff\xfe\x90\x64" + b"\0" * 20, "", "audio/mpeg"),
        ("\ufeffGrüße".encode("utf-16-le"), "", "text/plain"),
        ("\ufeffa;b".encode("utf-16-le"), "csv", "text/csv"),
        (b"\xff\xf1\x50\x80" + b"\0" * 20, "", "audio/aac"),
        (b"\xff\xfb\xf0\x64" + b"\0" * 20, "", None),
        ((b"G" + b"\0" * 187) * 4, "", "video/mp2t"),
        (b"fLaC\0", "", "audio/flac"),
        (b"II*\0" + b"\0" * 8, "nef", "image/x-nikon-nef"),
        (b"II*\0\x10\0\0\0CR\x02\0", "jpg", "image/x-canon-cr2"),
        (b"\0" * 8 + b"CR\x02\0", "cr2", None),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 20, "doc", "application/msword"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 20, "msi", None),
        (b"junk before\n%PDF-1.7", "", "application/pdf"),
        (b"{\\rtf1 x}", "", "application/rtf"),
        (b"plain words\n", "", "text/plain"),
        (b"plain words\n", "jpg", "text/plain"),
        (b"# head\n", "md", "text/markdown"),
        (b"a,b\n1,2\n", "csv", "text/csv"),
        (b'{"a": 1}', "json", "application/json"),
        (b"\xef\xbb\xbf<!DOCTYPE html><p>", "txt", "text/html"),
        (b"<!-- x --><HTML>", "jpg", "text/html"),
        (b"<script>alert(1)</script>", "txt", "text/html"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "txt", "image/svg+xml"),
        (b"<svg onload='alert(1)'>", "png", "image/svg+xml"),
        (b'<?xml version="1.0"?><a/>', "", "application/xml"),
        ("ünïcode".encode("utf-16"), "txt", "text/plain"),
        ("é".encode() * HEAD, "txt", "text/plain"),
        (b"x" + "é".encode() * HEAD, "txt", "text/plain"),  # the head ends within a character
        (b"MZ\x90\0\x03", "jpg", None),
        (b"\x7fELF\x02\x01\x01\0", "png", None),
        (b"\0" * 100, "jpg", None),
        (b"\xc3\x28 no UTF-8", "txt", "text/plain"),  # in an older encoding
        (b"\xc3\x28 no UTF-8", "", None),
        (b"\xc3\x28 no \0 text", "txt", None),
        (b"", "jpg", None),
    ],
)
def test_by_content(content: bytes, extension: str, wanted: str | None) -> None:
    assert kind(content, extension) == wanted


def test_office_documents_are_told_from_other_archives() -> None:
    prefix = "application/vnd.openxmlformats-officedocument."
    assert kind(archive("word/document.xml")) == f"{prefix}wordprocessingml.document"
    assert kind(archive("xl/workbook.xml", noise=3 * HEAD)) == f"{prefix}spreadsheetml.sheet"
    assert kind(archive("ppt/presentation.xml", noise=3 * HEAD)) == f"{prefix}presentationml.presentation"
    assert kind(archive("malware.exe"), "docx") is None
    with_password = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    assert kind(with_password, "docx") == f"{prefix}wordprocessingml.document"


@given(st.binary(max_size=2000), st.sampled_from(["", "jpg", "doc", "txt", "html"]))
def test_no_content_breaks_it(content: bytes, extension: str) -> None:
    kind(content, extension)


@given(st.sampled_from([b"\xff\xd8\xff", b"RIFF", b"\0\0\0\x10ftyp", b"<!--", b"G", b"PK\3\4", b"BM"]), st.binary())
def test_no_cut_or_spoilt_content_breaks_it(start: bytes, rest: bytes) -> None:
    kind(start + rest)


@pytest.mark.parametrize(
    ("piece", "wanted"),
    [(b"<!---->", "text/plain"), (b"<!--", "text/plain"), (b" ", "text/plain"), (b"<?xml ", "application/xml")],
)
def test_a_beginning_of_nothing_but_markup_is_judged_in_one_pass(piece: bytes, wanted: str) -> None:
    """A pattern that tried every way to part it would try 2 to the power of 1000, and never come back."""
    assert kind(piece * (HEAD // len(piece))) == wanted


def test_the_corpus_is_supported(corpus: Path) -> None:
    """All files of the development corpus that are pictures, films or documents by their names."""
    known = {
        ".jpg",
        ".jpeg",
        ".png",
        ".gif",
        ".webp",
        ".heic",
        ".avif",
        ".tif",
        ".tiff",
        ".mp4",
        ".mov",
        ".pdf",
        ".docx",
    }
    files = [path for path in (corpus / "real").rglob("*") if path.suffix.lower() in known]
    unknown = []
    for path in files:
        content = path.read_bytes()
        if content and kind(content, path.suffix[1:].lower()) is None:
            unknown.append(path.name)
    assert unknown == []
