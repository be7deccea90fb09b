"""`GET /cache/{contentHash}/original` and `/metadata`: caching, ranges, conditions, and content that must not run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

IMMUTABLE = "public, max-age=31536000, immutable"
SANDBOX = "sandbox; default-src 'none'"
SIZE = 300_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "files"


@pytest.fixture(scope="module")
def serving(start_shared: Any, stand_in: Path, files: Path) -> Any:
    return start_shared(EXIFTOOL_PATH=str(stand_in), FILE_STORAGE_PATH=str(files))


def store(sidecar: Any, content: bytes, name: str = "photo.jpg") -> str:
    answer = sidecar.request("POST", "/upload", content, {"x-filename": quote(name)})
    assert answer.status == 200, answer.body
    return str(answer.json["contentHash"])


@pytest.fixture(scope="module")
def content(make_jpeg: Any) -> bytes:
    return bytes(make_jpeg("served") + bytes(index * 7 % 251 for index in range(SIZE)))[:SIZE]


@pytest.fixture(scope="module")
def kept(serving: Any, content: bytes) -> str:
    return store(serving, content, "Grüße.jpg")


def test_the_whole(serving: Any, kept: str, content: bytes) -> None:
    answer = serving.get(f"/cache/{kept}/original")
    assert (answer.status, answer.body) == (200, content)
    wanted = {
        "cache-control": IMMUTABLE,
        "etag": f'"{kept}"',
        "accept-ranges": "bytes",
        "content-type": "image/jpeg",
        "content-length": str(SIZE),
        "x-content-type-options": "nosniff",
    }
    assert {name: answer.headers.get(name) for name in wanted} == wanted
    assert "x-request-id" in answer.headers
    assert "content-disposition" not in answer.headers
    assert "content-security-policy" not in answer.headers


def test_a_head_is_the_same_without_the_bytes(serving: Any, kept: str) -> None:
    for path in (f"/cache/{kept}/original", f"/cache/{kept}/metadata", f"/cache/{kept}/original?download=1"):
        whole, head = serving.get(path), serving.request("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        for own in ("date", "x-request-id"):
            del whole.headers[own], head.headers[own]
        assert head.headers == whole.headers


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-99", 10, 99),
        ("bytes=100000-", 100_000, SIZE - 1),
        ("bytes=-10", SIZE - 10, SIZE - 1),
        ("bytes=-9999999", 0, SIZE - 1),
        ("bytes=299999-99999999", SIZE - 1, SIZE - 1),
        ("bytes=65530-131080", 65_530, 131_080),
    ],
)
def test_a_range(serving: Any, kept: str, content: bytes, header: str, first: int, last: int) -> None:
    answer = serving.get(f"/cache/{kept}/original", Range=header)
    assert (answer.status, answer.body) == (206, content[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.headers["etag"] == f'"{kept}"'
    assert answer.headers["cache-control"] == IMMUTABLE


@pytest.mark.parametrize("header", ["bytes=2-1", "bytes=0-1,5-6", "items=0-1", "bytes=x", ""])
def test_a_range_that_is_ignored(serving: Any, kept: str, content: bytes, header: str) -> None:
    answer = serving.get(f"/cache/{kept}/original", Range=header)
    assert (answer.status, answer.body) == (200, content)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=-0", "bytes=" + "9" * 400 + "-"])
def test_a_range_behind_the_end(serving: Any, kept: str, header: str) -> None:
    answer = serving.get(f"/cache/{kept}/original", Range=header)
    assert (answer.status, answer.json["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert answer.headers["cache-control"] == "no-store"


CONDITIONS = [
    # what is asked, status, whether the range holds
    ({"If-None-Match": '"{tag}"'}, 304),
    ({"If-None-Match": 'W/"{tag}"'}, 304),
    ({"If-None-Match": '"x", "{tag}"'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x"'}, 200),
    ({"If-None-Match": '"{tag}"', "Range": "bytes=0-1"}, 304),
    ({"If-None-Match": '"{tag}"', "Range": "bytes=9999999-"}, 304),
    ({"If-None-Match": '"x"', "Range": "bytes=0-1"}, 206),
    ({"If-Match": '"{tag}"'}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": '"x"'}, 412),
    ({"If-Match": '"x"', "If-None-Match": '"{tag}"'}, 412),
    ({"If-Range": '"{tag}"', "Range": "bytes=0-1"}, 206),
    ({"If-Range": '"x"', "Range": "bytes=0-1"}, 200),
    ({"If-Range": 'W/"{tag}"', "Range": "bytes=0-1"}, 200),  # a weak tag does not do (RFC 9110, 13.1.5)
    ({"If-Range": "Wed, 21 Oct 2015 07:28:00 GMT", "Range": "bytes=0-1"}, 200),
    ({"If-Range": '"x"', "Range": "bytes=9999999-"}, 200),
    ({"If-Range": '"{tag}"', "Range": "bytes=9999999-"}, 416),
]


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions(serving: Any, kept: str, content: bytes, method: str, headers: dict[str, str], status: int) -> None:
    asked = {name: value.replace("{tag}", kept) for name, value in headers.items()}
    if method == "HEAD" and status in (206, 416):
        status = 200  # ranges are for GET alone (RFC 9110, 14.2)
    answer = serving.request(method, f"/cache/{kept}/original", headers=asked)
    assert answer.status == status
    if status == 304:
        assert (answer.headers["etag"], answer.headers["cache-control"]) == (f'"{kept}"', IMMUTABLE)
        assert not {"content-type", "content-range", "content-disposition"} & answer.headers.keys()
    if status in (200, 304) and method == "GET":
        assert answer.body == (content if status == 200 else b"")


def test_download(serving: Any, kept: str) -> None:
    answer = serving.get(f"/cache/{kept}/original?download=1")
    assert (
        answer.headers["content-disposition"]
        == "attachment; filename=\"Grue.jpg\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.jpg"
    )
    for other in ("0", "", "yes"):
        assert "content-disposition" not in serving.get(f"/cache/{kept}/original?download={other}").headers


ACTIVE = [
    (b"<!doctype html><script>alert(document.domain)</script>", "image.jpg", "text/html; charset=utf-8"),
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.png", "image/svg+xml; charset=utf-8"),
    (b"<?xml version='1.0'?><?xml-stylesheet href='x.xsl'?><a/>", "a.xml", "application/xml; charset=utf-8"),
    (b"alert(1)", "a.js", "text/plain; charset=utf-8"),
    (b"# [x](javascript:alert(1))", "a.md", "text/markdown; charset=utf-8"),
    (b'{"a": "<script>"}', "a.json", "application/json; charset=utf-8"),
]


@pytest.mark.parametrize(("active", "name", "kind"), ACTIVE)
def test_what_could_run_does_not(serving: Any, active: bytes, name: str, kind: str) -> None:
    answer = serving.get(f"/cache/{store(serving, active, name)}/original")
    assert (answer.status, answer.body) == (200, active)
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-security-policy"] == SANDBOX
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Größe, schön".encode("cp1252"), "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", "application/xml"),
        (b"x" + "é".encode() * 40_000, "text/plain; charset=utf-8"),  # longer than what is looked at
        ("Grüße".encode(), "text/plain; charset=utf-8"),
    ],
)
def test_only_a_text_that_is_utf8_is_called_so(serving: Any, text: bytes, kind: str) -> None:
    address = f"/cache/{store(serving, text, 'a.txt')}/original"
    answer = serving.get(address)
    assert (answer.body, answer.headers["content-type"]) == (text, kind)
    assert serving.request("HEAD", address).headers["content-type"] == kind


def test_a_pdf_is_shown_by_its_viewer(serving: Any) -> None:
    answer = serving.get(f"/cache/{store(serving, b'%PDF-1.7 x', 'a.pdf')}/original")
    assert answer.headers["content-type"] == "application/pdf"
    assert "content-security-policy" not in answer.headers


def test_metadata(serving: Any, kept: str, files: Path) -> None:
    answer = serving.get(f"/cache/{kept}/metadata")
    assert answer.json == json.loads((files / kept / "metadata.json").read_text("utf-8"))
    assert answer.json["originalName"] == "Grüße.jpg"
    assert answer.headers["cache-control"] == IMMUTABLE
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
    again = {"If-None-Match": answer.headers["etag"]}
    assert serving.request("GET", f"/cache/{kept}/metadata", headers=again).status == 304
    part = serving.get(f"/cache/{kept}/metadata", Range="bytes=1-9")
    assert (part.status, part.body) == (206, answer.body[1:10])


@pytest.mark.parametrize(
    "path",
    [
        f"{'0' * 64}/original",
        f"{'0' * 64}/metadata",
        f"{'A' * 64}/original",
        "abc/original",
        "..%2f..%2fetc/original",
        ".incoming/original",
        f"{'0' * 63}%0a/original",
        "%00/metadata",
    ],
)
def test_what_is_not_there(serving: Any, path: str) -> None:
    answer = serving.get(f"/cache/{path}")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert answer.headers["cache-control"] == "no-store"


def test_a_damaged_original_is_told_when_asked_and_mended_by_the_next_upload(
    serving: Any, files: Path, make_jpeg: Any
) -> None:
    content = make_jpeg("damaged")
    kept = store(serving, content)
    verified = serving.get(f"/cache/{kept}/original?verify=1")
    assert (verified.body, verified.headers["cache-control"]) == (content, "no-store")  # no cache may say it instead
    path = files / kept / "original"
    path.chmod(0o644)
    path.write_bytes(content[:-1] + b"\0")
    answer = serving.get(f"/cache/{kept}/original?verify=1")
    assert (answer.status, answer.json["code"]) == (500, "content_damaged")
    assert answer.headers["cache-control"] == "no-store"
    assert "event=storage.damaged" in serving.log
    for _ in range(2):
        answer = serving.get(f"/cache/{kept}/original")
        assert (answer.status, answer.json["code"]) == (500, "content_damaged"), "what is known is not served again"
    assert store(serving, content) == kept
    assert "event=storage.mended" in serving.log
    assert serving.get(f"/cache/{kept}/original?verify=1").body == content


def test_a_damaged_original_that_nobody_has_noticed_is_mended_by_the_same_file(
    serving: Any, files: Path, make_jpeg: Any
) -> None:
    content = make_jpeg("damaged and served")
    kept = store(serving, content)
    wrong = bytes([content[0] ^ 1]) + content[1:]
    path = files / kept / "original"
    path.chmod(0o644)
    path.write_bytes(wrong)
    served = serving.get(f"/cache/{kept}/original")
    assert served.body == wrong
    assert store(serving, content) == kept
    held = {"If-None-Match": served.headers["etag"]}
    again = serving.request("GET", f"/cache/{kept}/original", headers=held)
    assert (again.status, again.body) == (200, content), "who holds the wrong bytes must not be told to keep them"


def test_a_truncated_original_is_not_served_and_mended_by_the_next_upload(
    serving: Any, files: Path, make_jpeg: Any
) -> None:
    content = make_jpeg("truncated")
    kept = store(serving, content)
    path = files / kept / "original"
    path.chmod(0o644)
    path.write_bytes(content[:10])
    for method in ("GET", "HEAD"):
        assert serving.request(method, f"/cache/{kept}/original").status == 500
    assert store(serving, content) == kept
    assert serving.get(f"/cache/{kept}/original").body == content


def test_metadata_that_cannot_be_read_are_told_and_mended(serving: Any, files: Path, make_jpeg: Any) -> None:
    content = make_jpeg("broken metadata")
    kept = store(serving, content)
    path = files / kept / "metadata.json"
    for broken in (b"", b"{", b"[]", b'{"contentHash": 1}', b"\xff" * 100):
        path.chmod(0o644)
        path.write_bytes(broken)
        assert serving.get(f"/cache/{kept}/original").json["code"] == "content_damaged"
        assert store(serving, content, "mended.jpg") == kept
        assert serving.get(f"/cache/{kept}/metadata").json["originalName"] == "mended.jpg"


def test_a_large_file_takes_no_memory(serving: Any, make_jpeg: Any) -> None:
    import psutil

    kept = store(serving, make_jpeg("huge").ljust(200 * 1024 * 1024, b"\0"))
    process = psutil.Process(serving.process.pid)
    before = process.memory_info().rss
    answer = serving.get(f"/cache/{kept}/original?verify=1")
    assert len(answer.body) == 200 * 1024 * 1024
    assert process.memory_info().rss - before < 40 * 1024 * 1024
