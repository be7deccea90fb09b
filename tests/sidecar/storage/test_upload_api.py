"""`POST /upload`: what it answers, what it refuses and how early, with a real sidecar."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

MIB = 1024 * 1024
FIELDS = {"contentHash", "originalName", "size", "mimeType", "uploadedAt", "uploadedBy", "driveId"}


@pytest.fixture(scope="module")
def small(start_shared: Any, stand_in: Path, files: Path) -> Any:
    """A sidecar that takes files up to 1 MiB."""
    return start_shared(EXIFTOOL_PATH=str(stand_in), EXTRACT_MAX_MB="1", FILE_STORAGE_PATH=str(files))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "files"


def upload(sidecar: Any, content: bytes, name: str = "photo.jpg", **headers: str) -> Any:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return sidecar.request("POST", "/upload", content, {"x-filename": quote(name), **named})


def unfinished(root: Path) -> list[Path]:
    return [path for path in (root / ".incoming").rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_file_is_stored_under_its_hash(small: Any, files: Path, make_jpeg: Any) -> None:
    content = make_jpeg("first")
    answer = upload(small, content, "../Köln 1.jpg", x_drive_id="drive-1", x_user_id="user-7")
    told, digest = answer.json, hashlib.sha256(content).hexdigest()
    assert answer.status == 200
    assert told.keys() == {"contentHash", "originalName", "size", "mimeType", "isNew", "metadata", "jobs"}
    assert (told["contentHash"], told["originalName"], told["size"]) == (digest, "Köln 1.jpg", len(content))
    assert (told["mimeType"], told["isNew"]) == ("image/jpeg", True)
    assert told["metadata"].keys() == FIELDS
    assert (told["metadata"]["uploadedBy"], told["metadata"]["driveId"]) == ("user-7", "drive-1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["metadata"]["uploadedAt"])
    assert (files / digest / "original").read_bytes() == content
    assert json.loads((files / digest / "metadata.json").read_text("utf-8")) == told["metadata"]
    assert unfinished(files) == []
    assert f"event=storage.stored sha256={digest} size={len(content)} mimeType=image/jpeg isNew=true" in small.log
    assert "Köln" not in small.log


def test_the_same_content_is_stored_once_with_what_was_known_first(small: Any, make_jpeg: Any) -> None:
    content = make_jpeg("twice")
    first = upload(small, content, "a.jpg", x_drive_id="one").json
    second = upload(small, content, "b.jpg", x_drive_id="two").json
    assert (first["isNew"], second["isNew"]) == (True, False)
    assert (second["originalName"], second["metadata"]) == ("b.jpg", first["metadata"])


def test_what_the_client_calls_its_type_does_not_count(small: Any, make_jpeg: Any) -> None:
    assert upload(small, make_jpeg("typed"), "x.exe", Content_Type="text/html").json["mimeType"] == "image/jpeg"


def test_a_body_of_unknown_length(small: Any, make_jpeg: Any) -> None:
    content = make_jpeg("chunked", padding=200_000)
    pieces = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (content[:7], content[7:150_000], content[150_000:])
    )
    head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nx-filename: c.jpg\r\nTransfer-Encoding: chunked\r\n"
    answer = small.raw(head + b"Connection: close\r\n\r\n" + pieces + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert hashlib.sha256(content).hexdigest().encode() in answer


def test_a_large_file_comes_whole(small: Any, files: Path, make_jpeg: Any) -> None:
    content = make_jpeg("large").ljust(MIB, b"\x55")
    told = upload(small, content).json
    assert told["size"] == MIB
    assert (files / told["contentHash"] / "original").read_bytes() == content


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({}, "x-filename"),
        ({"x-filename": "  "}, "x-filename"),
        ({"x-filename": "a.jpg", "Content-Type": "multipart/form-data; boundary=X"}, "Content-Type"),
        ({"x-filename": "a.jpg", "x-drive-id": "d" * 201}, "x-drive-id"),
        ({"x-filename": "a.jpg", "x-user-id": "a%0Ab"}, "x-user-id"),
    ],
)
def test_wrong_headers_are_refused_before_the_body(small: Any, headers: dict[str, str], word: str) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": "500000"}.items())
    status, told = refusal(small, f"POST /upload HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
    assert (status, told["code"]) == (400, "invalid_request")
    assert word in told["message"]
    assert ("x-filename: photo.jpg" in told["suggestion"]) == (word in ("x-filename", "Content-Type"))


def refusal(sidecar: Any, data: bytes) -> tuple[int, Any]:
    """What is answered to a request whose body never comes as a whole."""
    head, _, body = sidecar.raw(data).partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    told = json.loads(body)
    assert told.keys() >= {"error", "message", "suggestion", "timestamp", "status", "code", "requestId"}
    return int(head.split()[1]), told


def opening(size: int, name: str = "a.jpg") -> bytes:
    return f"POST /upload HTTP/1.1\r\nHost: localhost\r\nx-filename: {name}\r\nContent-Length: {size}\r\n\r\n".encode()


def test_a_file_over_the_limit_is_refused_by_its_length(small: Any) -> None:
    status, told = refusal(small, opening(MIB + 1))
    assert (status, told["code"]) == (413, "payload_too_large")
    assert "1 MB (1048576 bytes)" in told["message"]
    assert "EXTRACT_MAX_MB" in told["suggestion"]


def test_who_asks_before_it_sends_is_told_before(small: Any, make_jpeg: Any) -> None:
    """`Expect: 100-continue`: a refusal comes instead of the invitation."""
    expecting = b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    refused = small.raw(opening(MIB + 1).replace(b"\r\n\r\n", expecting))
    assert refused.startswith(b"HTTP/1.1 413 ")
    content = make_jpeg("expected")
    taken = small.raw(opening(len(content)).replace(b"\r\n\r\n", expecting) + content)
    assert taken.startswith(b"HTTP/1.1 100 ")
    assert hashlib.sha256(content).hexdigest().encode() in taken


def test_a_file_over_the_limit_is_refused_where_its_length_is_unknown(small: Any, files: Path, make_jpeg: Any) -> None:
    content = make_jpeg().ljust(MIB + 1, b"\0")
    head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nx-filename: c.jpg\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, told = refusal(small, head + b"%x\r\n%s\r\n" % (len(content), content))
    assert (status, told["code"]) == (413, "payload_too_large")
    assert unfinished(files) == []


def test_a_type_that_is_not_supported_is_refused_by_the_first_bytes(small: Any, files: Path) -> None:
    """The rest of the body is never sent."""
    status, told = refusal(small, opening(MIB) + b"MZ\x90\0" * 3000)
    assert (status, told["code"]) == (415, "unsupported_media_type")
    assert "4d 5a 90 00" in told["message"]
    assert {"image/jpeg", "application/pdf", "video/mp4"} <= set(told["supported"])
    assert unfinished(files) == []


@pytest.mark.parametrize("content", [b"MZ\x90\0", b"\0", b"PK\x03\x04" + b"\0" * 20_000])
def test_a_type_that_is_not_supported_is_refused_at_the_end(small: Any, files: Path, content: bytes) -> None:
    answer = upload(small, content)
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert answer.json["supported"]
    assert unfinished(files) == []
    assert not (files / hashlib.sha256(content).hexdigest()).exists()


def test_an_empty_body_is_refused(small: Any) -> None:
    for content in (b"", None):
        answer = small.request("POST", "/upload", content, {"x-filename": "a.jpg"})
        assert (answer.status, answer.json["code"]) == (400, "invalid_request")
        assert "empty" in answer.json["message"]


def test_a_client_that_leaves_leaves_nothing(small: Any, files: Path, until: Any, make_jpeg: Any) -> None:
    with socket.create_connection(("127.0.0.1", small.port), 10) as client:
        client.sendall(opening(MIB) + make_jpeg().ljust(100_000, b"\0"))
        until(lambda: [path for path in unfinished(files) if path.stat().st_size >= 100_000])
    until(lambda: not unfinished(files))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(small: Any, method: str) -> None:
    answer = small.request(method, "/upload", b"x" if method == "PUT" else None, {"x-filename": "a.jpg"})
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")


NAMES = ["../../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "a\r\nSet-Cookie: x=1", "\0", "\u202egpj.exe",
         "日本語.jpg", "x" * 300 + ".jpg", "CON", "....", "-rf", "$(id)", "`id`.jpg", "%00.jpg"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_harmless(small: Any, files: Path, make_jpeg: Any, name: str) -> None:
    content = make_jpeg(f"hostile {NAMES.index(name)}")
    told = upload(small, content, name).json
    kept = told["originalName"]
    assert not set(kept) & set("/\\\r\n\0\u202e")
    assert 0 < len(kept.encode()) <= 255
    assert kept not in (".", "..")
    assert sorted(path.name for path in (files / told["contentHash"]).iterdir()) == ["metadata.json", "original"]
    served = small.get(f"/cache/{told['contentHash']}/original?download=1")
    assert served.body == content
    assert served.headers["content-disposition"].startswith('attachment; filename="')
    assert "set-cookie" not in served.headers


def test_quota(start_sidecar: Any, stand_in: Path, make_jpeg: Any, tmp_path: Path) -> None:
    root = tmp_path / "files"
    settings = {"EXIFTOOL_PATH": str(stand_in), "FILE_STORAGE_PATH": str(root), "FILE_STORAGE_QUOTA_MB": "1"}
    sidecar = start_sidecar(**settings)
    content = make_jpeg("a").ljust(MIB * 3 // 4, b"\0")
    assert upload(sidecar, content, x_drive_id="one").status == 200
    head = opening(MIB // 2).replace(b"\r\n\r\n", b"\r\nx-drive-id: one\r\n\r\n")
    assert_over(refusal(sidecar, head), "one", MIB * 3 // 4)
    assert upload(sidecar, make_jpeg("b").ljust(MIB // 2, b"\0"), x_drive_id="two").status == 200
    assert upload(sidecar, make_jpeg("c").ljust(MIB // 2, b"\0")).status == 200
    sidecar.stop()
    again = start_sidecar(**settings)  # what a drive has is known after a restart as well
    refused = upload(again, make_jpeg("d").ljust(MIB // 2, b"\0"), x_drive_id="one")
    assert_over((refused.status, refused.json), "one", MIB * 3 // 4)
    assert upload(again, make_jpeg("small"), x_drive_id="one").status == 200
    assert unfinished(root) == []


def assert_over(refused: tuple[int, Any], drive: str, used: int) -> None:
    status, told = refused
    assert (status, told["code"]) == (507, "storage_full")
    assert told["storage"]["quota"] == {"driveId": drive, "limit": MIB, "used": used}
    assert told["storage"]["availableSpace"] > 0


def test_health_tells_what_is_stored(
    start_sidecar: Any, stand_in: Path, make_jpeg: Any, tmp_path: Path, until: Any
) -> None:
    settings = {"EXIFTOOL_PATH": str(stand_in), "FILE_STORAGE_PATH": str(tmp_path / "files")}
    sidecar = start_sidecar(**settings)
    before = sidecar.get("/health").json
    assert (before["storage"]["files"], before["storage"]["totalSize"]) == (0, 0)
    assert before["storage"]["availableSpace"] > 0
    assert before.keys() >= {"status", "uptime", "memory", "pid", "nonce", "version", "engine"}
    contents = [make_jpeg(f"file {number}") for number in range(3)]
    for content in (*contents, contents[0]):
        upload(sidecar, content)
    total = sum(map(len, contents))
    for running in (sidecar, start_sidecar(**settings)):
        found = until(lambda one=running: counted(one))
        assert (found["files"], found["totalSize"]) == (3, total)


def counted(sidecar: Any) -> Any:
    storage = sidecar.get("/health").json["storage"]
    return None if storage["counting"] else storage


def test_a_folder_that_cannot_be_used_stops_uploads_alone(
    start_sidecar: Any, stand_in: Path, make_jpeg: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), FILE_STORAGE_PATH=str(tmp_path / "file" / "below"))
    answer = upload(sidecar, make_jpeg())
    assert (answer.status, answer.json["code"]) == (503, "storage_unavailable")
    assert "FILE_STORAGE_PATH" in answer.json["suggestion"]
    assert sidecar.get(f"/cache/{'0' * 64}/original").status == 404
    assert sidecar.get("/health").status == 200
    assert sidecar.extract("a.gif", b"GIF89a").status == 200
