"""`POST /api/extract`, `GET /api/extract/health`, `GET /health`: a real sidecar with the real ExifTool."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

MakeJpeg = Callable[..., bytes]
CONTRACT_FIELDS = {"error", "message", "suggestion", "timestamp", "status", "code", "requestId"}


def assert_error(answer: Any, status: int, code: str, *words: str) -> dict[str, Any]:
    """The error has the contract's shape, and its words are in message and suggestion."""
    found: dict[str, Any] = answer.json
    assert (answer.status, found["status"], found["code"]) == (status, status, code)
    assert found.keys() >= CONTRACT_FIELDS
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == found["requestId"]
    assert datetime.fromisoformat(found["timestamp"]).utcoffset() is not None
    assert "Traceback" not in answer.body.decode()
    for word in words:
        assert word in found["message"] + found["suggestion"]
    return found


def test_a_photo_gives_the_answer_of_the_contract(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    content = make_jpeg("Canon")
    answer = sidecar.extract("IMG_1.JPG", content)
    found = answer.json
    assert answer.status == 200
    assert list(found) == [
        "requestId", "file", "tier", "engine", "cached", "elapsedMs", "metadata", "fields", "warnings",
    ]  # fmt: skip
    assert found["file"] == {
        "name": "IMG_1.JPG",
        "size": len(content),
        "mimeType": "image/jpeg",
        "extension": "jpg",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert found["tier"] == "enterprise"
    assert found["engine"]["name"] == "exiftool"
    assert re.fullmatch(r"\d+\.\d+", found["engine"]["version"])
    assert found["cached"] is False
    assert found["elapsedMs"] > 0
    assert found["metadata"]["EXIF"] == {"Make": "Canon", "XResolution": 72, "IFD1:XResolution": 96}
    assert found["metadata"]["File"]["FileName"] == "IMG_1.JPG"
    assert found["metadata"]["GPS"]["GPSLatitudeRef"] == "North"
    count = sum(map(len, found["metadata"].values()))
    assert found["fields"] == {"returned": count, "available": count, "locked": []}
    assert found["warnings"] == []


def test_the_answer_tells_nothing_of_our_copy(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    answer = sidecar.extract("a.jpg", make_jpeg())
    text = answer.body.decode()
    assert "SourceFile" not in text
    assert str(sidecar.temp) not in text
    assert not {"Directory", "FileModifyDate", "FileAccessDate", "FilePermissions"} & set(
        answer.json["metadata"]["File"]
    )


def test_nothing_is_left_of_an_upload(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    sidecar.extract("a.jpg", make_jpeg())
    sidecar.extract("b.jpg", b"text")
    assert sidecar.uploads == []


@pytest.mark.parametrize("tier", ["free", "premium"])
def test_a_lower_tier_does_not_see_the_position(sidecar: Any, make_jpeg: MakeJpeg, tier: str) -> None:
    found = sidecar.extract("a.jpg", make_jpeg(), tier=tier).json
    assert found["tier"] == tier
    assert found["fields"]["locked"] == ["GPS"]
    assert found["fields"]["returned"] < found["fields"]["available"]
    assert "52 deg" not in json.dumps(found["metadata"])


def test_the_tier_may_stand_behind_the_file_or_in_the_query(sidecar: Any, make_jpeg: MakeJpeg, form: Any) -> None:
    body, kind = form([("file", "a.jpg", make_jpeg())])
    answer = sidecar.request("POST", "/api/extract?tier=free", body, {"Content-Type": kind})
    assert answer.json["tier"] == "free"


def test_a_name_with_folders_and_strange_characters_is_only_a_name(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    for sent, name in [
        ("../../etc/a.jpg", "a.jpg"),
        (r"C:\\fakepath\\Ünï 😀.jpg", "Ünï 😀.jpg"),
        ("-o x.jpg", "-o x.jpg"),
    ]:
        found = sidecar.extract(sent, make_jpeg()).json
        assert (found["file"]["name"], found["metadata"]["File"]["FileName"]) == (name, name)


def test_a_file_without_extension_gets_the_one_of_its_type(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    assert sidecar.extract("photo", make_jpeg()).json["file"]["extension"] == "jpg"


def test_warnings_are_repeated_and_stay_in_the_metadata(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    found = sidecar.extract("a.jpg", make_jpeg().replace(b"\xff\xdb", b"\x00\xff\xdb", 1)).json
    assert found["warnings"]
    assert found["warnings"][0] == found["metadata"]["ExifTool"]["Warning"]


def test_a_jpeg_whose_picture_breaks_off_is_read_with_a_warning(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    answer = sidecar.extract("a.jpg", make_jpeg("Leica")[:-20])
    assert answer.status == 200
    assert answer.json["metadata"]["EXIF"]["Make"] == "Leica"
    assert "breaks off" in answer.json["warnings"][0]


def test_a_text_file_is_read_as_a_text_file(sidecar: Any) -> None:
    assert sidecar.extract("notes.txt", b"hello\n").json["file"]["mimeType"] == "text/plain"


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("notes.jpg", b"these are notes\n", "plain text"),
        ("page.png", b"<html><head><title>404</title></head></html>", "HTML text"),
        ("data.mp4", b'{"a": 1}', "JSON text"),
        ("rand.jpg", bytes(range(7, 250)), "no format that ExifTool knows"),
        ("thing.xyz", bytes(range(7, 250)), "no format that ExifTool knows"),
    ],
)
def test_content_of_no_media_format_is_unsupported(sidecar: Any, name: str, content: bytes, found: str) -> None:
    assert_error(sidecar.extract(name, content), 415, "unsupported_media_type", name, found, "JPEG", "MP4")


def test_a_broken_jpeg_is_unreadable_and_what_was_read_comes_along(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    found = assert_error(
        sidecar.extract("a.jpg", make_jpeg()[:2] + b"\xff\xe1\xff\xff!!!!"), 422, "unreadable_file", "a.jpg"
    )
    assert found["partial"]["metadata"]["File"]["FileType"] == "JPEG"
    assert found["partial"]["warnings"]


def test_what_was_read_of_a_broken_file_is_cut_to_the_tier(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\xffxx"
    found = assert_error(sidecar.extract("a.gif", gif, tier="free"), 422, "unreadable_file", "a.gif")
    assert "GIF" not in found["partial"]["metadata"]
    assert found["partial"]["metadata"]["File"]["FileType"] == "GIF"


def test_an_empty_file_is_named(sidecar: Any) -> None:
    assert_error(sidecar.extract("empty.jpg", b""), 400, "invalid_request", "file:", "empty.jpg is empty")


def test_a_form_without_a_chosen_file_is_told_so(sidecar: Any) -> None:
    assert_error(sidecar.extract("", b""), 400, "invalid_request", "file:", "no file was chosen")


def test_a_form_without_the_part_file_names_it_and_shows_the_command(sidecar: Any, form: Any) -> None:
    body, kind = form([("image", "a.jpg", b"x")], {"note": "y"})
    answer = sidecar.request("POST", "/api/extract", body, {"Content-Type": kind, "Host": "media.test:8080"})
    assert_error(
        answer, 400, "invalid_request", "file:", "'image'", "curl -F file=@photo.jpg http://media.test:8080/api/extract"
    )


def test_two_files_are_one_too_many(sidecar: Any, form: Any) -> None:
    body, kind = form([("file", "a.jpg", b"x"), ("file", "b.jpg", b"x")])
    assert_error(
        sidecar.request("POST", "/api/extract", body, {"Content-Type": kind}), 400, "invalid_request", "2 files"
    )


def test_a_file_sent_as_a_text_field_is_told_so(sidecar: Any, form: Any) -> None:
    body, kind = form([], {"file": "abc"})
    answer = sidecar.request("POST", "/api/extract", body, {"Content-Type": kind})
    assert_error(answer, 400, "invalid_request", "file:", "text field")


def test_a_huge_text_field_is_refused(sidecar: Any, form: Any) -> None:
    body, kind = form([], {"file": "a" * 600_000})
    answer = sidecar.request("POST", "/api/extract", body, {"Content-Type": kind})
    assert_error(answer, 400, "invalid_request", "524288 bytes")


@pytest.mark.parametrize("kind", ["image/jpeg", "application/json", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_no_form_is_refused(sidecar: Any, kind: str) -> None:
    answer = sidecar.request("POST", "/api/extract", b"\xff\xd8", {"Content-Type": kind})
    assert_error(answer, 400, "invalid_request", "multipart/form-data", "curl -F file=")


def test_an_empty_post_is_refused(sidecar: Any) -> None:
    assert_error(sidecar.request("POST", "/api/extract"), 400, "invalid_request", "multipart/form-data", "'file'")


@pytest.mark.parametrize("cut", [5, 40, 200])
def test_a_form_that_is_cut_off_is_broken(sidecar: Any, form: Any, make_jpeg: MakeJpeg, cut: int) -> None:
    body, kind = form([("file", "a.jpg", make_jpeg())])
    answer = sidecar.request("POST", "/api/extract", body[:-cut], {"Content-Type": kind})
    assert_error(answer, 400, "invalid_request", "multipart body is broken")
    assert sidecar.uploads == []


def test_a_form_without_boundary_is_broken(sidecar: Any) -> None:
    answer = sidecar.request("POST", "/api/extract", b"x", {"Content-Type": "multipart/form-data"})
    assert_error(answer, 400, "invalid_request", "broken")


def test_a_file_name_that_is_no_utf8_is_an_error_of_the_client(sidecar: Any, form: Any, make_jpeg: MakeJpeg) -> None:
    body, kind = form([("file", "NAME.jpg", make_jpeg())])
    answer = sidecar.request("POST", "/api/extract", body.replace(b"NAME", b"\xff\xfe"), {"Content-Type": kind})
    assert_error(answer, 400, "invalid_request")


def test_an_unknown_tier_names_the_four(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    answer = sidecar.extract("a.jpg", make_jpeg(), tier="gold")
    assert_error(answer, 400, "invalid_request", "tier:", "'gold'", "free, premium, forensic, enterprise")


def test_a_file_over_the_limit_of_its_tier_names_the_limit(sidecar: Any, make_jpeg: MakeJpeg) -> None:
    content = make_jpeg() + bytes(10 * 1024 * 1024)
    answer = sidecar.extract("big.jpg", content, tier="free")
    assert_error(answer, 413, "payload_too_large", "big.jpg", "free", "10 MB (10485760 bytes)")
    assert sidecar.extract("big.jpg", content, tier="premium").status == 200


def test_an_unknown_path_is_not_found(sidecar: Any) -> None:
    assert_error(sidecar.get("/nothing/here"), 404, "not_found", "'/nothing/here'")


def test_a_wrong_method_says_which_are_right(sidecar: Any) -> None:
    answer = sidecar.get("/api/extract")
    assert_error(answer, 405, "method_not_allowed", "GET", "curl -F file=")
    assert "POST" in answer.headers["allow"]
    assert_error(sidecar.get("/upload"), 405, "method_not_allowed", "'/upload'", "It answers POST.")


def test_the_clients_request_id_is_in_header_answer_and_log(sidecar: Any, make_jpeg: MakeJpeg, until: Any) -> None:
    answer = sidecar.extract("a.jpg", make_jpeg(), {"X-Request-ID": "my-id.7"})
    assert answer.headers["x-request-id"] == answer.json["requestId"] == "my-id.7"
    line = until(lambda: re.search(r".*\[my-id\.7\].*request\.finished.*", sidecar.log)).group()
    assert re.search(r"POST /api/extract 200 [\d.]+ ms \d+ bytes", line)


def test_an_insane_request_id_is_replaced(sidecar: Any) -> None:
    answer = sidecar.get("/health", **{"X-Request-ID": "a b;<x>"})
    assert re.fullmatch(r"[0-9A-Z]{26}", answer.headers["x-request-id"])


def test_a_path_cannot_forge_a_log_line(sidecar: Any, until: Any) -> None:
    sidecar.get("/x%0AERROR%20forged%1b[31m")
    until(lambda: "forged" in sidecar.log)
    assert all("forged" not in line or re.match(r"\S+Z INFO ", line) for line in sidecar.log.splitlines())
    assert "\x1b" not in sidecar.log


def test_the_token_is_not_logged(sidecar: Any) -> None:
    assert sidecar.token not in sidecar.log


def test_a_request_without_the_token_is_forbidden_on_every_path(sidecar: Any, make_jpeg: MakeJpeg, form: Any) -> None:
    for path in ("/health", "/api/extract/health", "/nothing"):
        answer = sidecar.request("GET", path, headers={"X-Mediabridge-Token": "wrong"})
        assert_error(answer, 403, "forbidden", "X-Mediabridge-Token")


def test_with_the_token_any_host_may_stand_in_the_request(sidecar: Any) -> None:
    assert sidecar.get("/health", Host="example.com").status == 200


def test_no_answer_names_the_server_or_its_version(sidecar: Any) -> None:
    for answer in (sidecar.get("/health"), sidecar.get("/nothing")):
        assert "server" not in answer.headers
        assert not re.search(r"waitress|werkzeug|python", str(answer.headers) + answer.body.decode(), re.IGNORECASE)


def test_health_tells_who_answers(sidecar: Any) -> None:
    found = sidecar.get("/health").json
    assert found["status"] == "ok"
    assert found["pid"] == sidecar.process.pid
    assert found["engine"] == "ready"
    assert found["uptime"] > 0
    assert found["memory"]["rssBytes"] > 10_000_000
    assert found["nonce"] is None
    assert found["version"]


def test_extract_health_names_engine_and_pool(sidecar: Any, exiftool: Path) -> None:
    answer = sidecar.get("/api/extract/health")
    found = answer.json
    assert (answer.status, found["status"]) == (200, "ok")
    assert found["engine"]["name"] == "exiftool"
    assert Path(found["engine"]["path"]).samefile(exiftool)
    assert found["pool"]["size"] == found["pool"]["alive"] == 1
    assert found["pool"].keys() >= {"busy", "queued", "restarts"}
    assert found["elapsedMs"] < 10_000


def test_head_of_health_has_no_body(sidecar: Any) -> None:
    answer = sidecar.request("HEAD", "/health")
    assert (answer.status, answer.body) == (200, b"")


def test_one_connection_takes_many_requests(sidecar: Any) -> None:
    request = f"GET /health HTTP/1.1\r\nHost: x\r\nX-Mediabridge-Token: {sidecar.token}\r\n\r\n".encode()
    with sidecar.connect() as sock:
        for _ in range(3):
            sock.sendall(request)
            answer = b""
            while b"engine" not in answer:
                answer += sock.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")
