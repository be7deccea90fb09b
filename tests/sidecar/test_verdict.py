"""Is a file what it says, and is it whole?"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.extraction.content import jpeg_breaks_off
from mediabridge.sidecar.extraction.verdict import Kind, judge

JPEG = {"FileType": "JPEG", "MIMEType": "image/jpeg"}


@pytest.mark.parametrize(
    ("metadata", "extension", "kind"),
    [
        ({"File": JPEG, "EXIF": {"Make": "x"}}, "jpg", Kind.READABLE),
        ({"File": JPEG}, "jpg", Kind.READABLE),
        ({"File": JPEG, "ExifTool": {"Warning": "[minor] Bad x"}}, "jpg", Kind.READABLE),
        ({"File": JPEG, "EXIF": {"Make": "x"}, "ExifTool": {"Warning": "JPEG format error"}}, "jpg", Kind.READABLE),
        ({"File": JPEG, "ExifTool": {"Warning": "JPEG format error"}}, "jpg", Kind.UNREADABLE),
        ({"File": JPEG, "EXIF": {"Make": "x"}, "ExifTool": {"Error": "File format error"}}, "jpg", Kind.UNREADABLE),
        ({"File": {}, "ExifTool": {"Error": "File format error"}}, "jpg", Kind.MISTYPED),
        ({"File": {"FileType": "TXT", "MIMEType": "text/plain"}}, "jpg", Kind.MISTYPED),
        ({"File": {"FileType": "JSON", "MIMEType": "application/json"}, "JSON": {"A": 1}}, "mp4", Kind.MISTYPED),
        ({"File": {"FileType": "TXT", "MIMEType": "text/plain"}}, "txt", Kind.READABLE),
        ({"File": {"FileType": "TXT", "MIMEType": "text/plain"}}, "ts", Kind.READABLE),
        ({"File": {"FileType": "HTML", "MIMEType": "text/html"}, "ExifTool": {"Warning": "Invalid HTML data"}}, "html",
         Kind.READABLE),
        ({"File": {"FileType": "PNG", "MIMEType": "image/png"}, "PNG": {"W": 1}}, "jpg", Kind.READABLE),
    ],
)  # fmt: skip
def test_verdicts(metadata: dict[str, dict[str, object]], extension: str, kind: Kind) -> None:
    assert judge(metadata, extension).kind is kind


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "x.jpg"
        path.write_bytes(content)
        return path

    return write


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(cut=st.integers(1, 300), junk=st.binary(max_size=20))
def test_a_jpeg_breaks_off_exactly_when_its_end_is_missing(
    cut: int, junk: bytes, make_jpeg: Callable[..., bytes], written: Callable[[bytes], Path]
) -> None:
    whole = make_jpeg(padding=300)
    assert not jpeg_breaks_off(written(whole + junk))
    assert jpeg_breaks_off(written(whole[: -1 - cut]))


def test_an_end_marker_of_the_thumbnail_does_not_count(
    make_jpeg: Callable[..., bytes], written: Callable[[bytes], Path]
) -> None:
    whole = make_jpeg()
    with_thumbnail = whole[:2] + b"\xff\xef\x00\x06\xff\xd8\xff\xd9" + whole[2:-2]
    assert jpeg_breaks_off(written(with_thumbnail))


def test_an_end_far_before_the_end_of_the_file_is_found(
    make_jpeg: Callable[..., bytes], written: Callable[[bytes], Path]
) -> None:
    assert not jpeg_breaks_off(written(make_jpeg() + bytes(3 * 1024 * 1024)))


@pytest.mark.parametrize("content", [b"", b"\xff", b"GIF89a", b"\xff\xd8\xff\xd9", b"\xff\xd8 no marker"])
def test_what_is_no_jpeg_does_not_break_off(content: bytes, written: Callable[[bytes], Path]) -> None:
    assert not jpeg_breaks_off(written(content))


@pytest.mark.parametrize("filler", [b"\xff\xe0\x00\x02", b"\xff", b"\xff\xe0\x00\x00", b"\xff\xd0"])
def test_a_header_without_end_costs_no_time(filler: bytes, written: Callable[[bytes], Path]) -> None:
    path = written(b"\xff\xd8" + filler * 2_000_000)
    start = time.process_time()
    jpeg_breaks_off(path)
    assert time.process_time() - start < 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(content=st.binary(max_size=64))
def test_no_content_raises(content: bytes, written: Callable[[bytes], Path]) -> None:
    assert jpeg_breaks_off(written(b"\xff\xd8" + content)) in (True, False)
