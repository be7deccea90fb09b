"""What waitress itself answers, on raw sockets: refusals by the headers alone, lanes, clients that leave."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

MIB = 1024 * 1024
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def small(start_shared: Any, stand_in: Path) -> Any:
    """A sidecar that takes files up to 1 MiB, with the stand-in for ExifTool."""
    return start_shared(EXIFTOOL_PATH=str(stand_in), EXTRACT_MAX_MB="1", EXTRACT_HEALTH_TIMEOUT="3")


def head(**headers: str) -> bytes:
    lines = {"Host": "localhost", "Content-Type": "multipart/form-data; boundary=X", **headers}
    text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"POST /api/extract HTTP/1.1\r\n{text}\r\n".encode()


def split(answer: bytes) -> tuple[int, dict[str, str], Any]:
    top, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, json.loads(body)


def assert_refused(answer: bytes, status: int, code: str, *words: str) -> None:
    """One JSON answer in the contract's shape, and nothing behind it."""
    got, headers, found = split(answer)
    assert (got, found["status"], found["code"]) == (status, status, code)
    assert found.keys() >= {"error", "message", "suggestion", "timestamp", "requestId"}
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"] == found["requestId"].lower()
    assert "server" not in headers
    for word in words:
        assert word in found["message"] + found["suggestion"]


def test_an_upload_over_the_limit_is_refused_by_its_length_alone(small: Any) -> None:
    start = time.monotonic()
    answer = small.raw(head(Content_Length=str(3 * 1024**3)))
    assert_refused(answer, 413, "payload_too_large", "1 MB (1048576 bytes)", "EXTRACT_MAX_MB")
    assert time.monotonic() - start < 2


def test_no_100_continue_is_sent_to_an_upload_over_the_limit(small: Any) -> None:
    answer = small.raw(head(Content_Length=str(3 * 1024**3), Expect="100-continue"))
    assert_refused(answer, 413, "payload_too_large")


def test_a_chunked_upload_is_refused_as_soon_as_it_passes_the_limit(small: Any) -> None:
    form = b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    parts = [form, *[bytes(65536)] * 20]
    endless = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    assert_refused(small.raw(head(Transfer_Encoding="chunked") + endless), 413, "payload_too_large", "1 MB")


def test_a_client_that_sends_on_still_gets_to_read_the_refusal(small: Any) -> None:
    with small.connect() as sock:
        sock.sendall(head(Content_Length=str(8 * MIB)))
        for _ in range(64):
            sock.sendall(bytes(128 * 1024))
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert_refused(answer, 413, "payload_too_large")


def test_a_file_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(small: Any) -> None:
    assert small.extract("a.gif", bytes(MIB)).status == 200
    answer = small.extract("a.gif", bytes(MIB + 1))
    assert (answer.status, answer.json["code"]) == (413, "payload_too_large")
    assert "1 MB (1048576 bytes)" in answer.json["message"]


def test_a_client_that_asks_first_is_told_to_go_on(small: Any, form: Any) -> None:
    body, kind = form([("file", "a.gif", b"x")])
    with small.connect() as sock:
        sock.sendall(head(Content_Type=kind, Content_Length=str(len(body)), Expect="100-continue", Connection="close"))
        assert sock.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        sock.sendall(body)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert split(answer)[0] == 200


def test_a_chunked_upload_is_read(small: Any, form: Any) -> None:
    body, kind = form([("file", "a.gif", b"x" * 1000)])
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:300], body[300:])) + b"0\r\n\r\n"
    answer = small.raw(head(Content_Type=kind, Transfer_Encoding="chunked", Connection="close") + chunks)
    assert split(answer)[2]["file"]["size"] == 1000


@pytest.mark.parametrize(
    ("data", "status", "code", "word"),
    [
        (b"nonsense\r\n\r\n", 400, "invalid_request", "not proper HTTP"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", 400, "invalid_request", "header"),
        (head(Content_Length="many"), 400, "invalid_request", "Content-Length"),
        (head(Content_Length="5, 6"), 400, "invalid_request", "Content-Length"),
        (head(Transfer_Encoding="chunked") + b"zz\r\n", 400, "invalid_request", "chunk"),
        (head(Transfer_Encoding="gzip, chunked"), 501, "invalid_request", "Transfer-Encoding"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 300_000, 431, "payload_too_large", "262144 bytes"),
    ],
)
def test_what_is_no_proper_http_is_answered_in_json(small: Any, data: bytes, status: int, code: str, word: str) -> None:
    assert_refused(small.raw(data), status, code, word)


def test_control_characters_of_a_bad_request_are_not_repeated(small: Any) -> None:
    answer = small.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\x1b[31mbad\rheader: 1\r\n\r\n")
    assert_refused(answer, 400, "invalid_request")
    assert b"\x1b" not in answer


def test_the_request_id_of_a_refused_request_is_kept(small: Any) -> None:
    answer = small.raw(head(Content_Length=str(10 * MIB), X_Request_ID="my-7"))
    assert split(answer)[2]["requestId"] == "my-7"
    assert "413 refused [my-7]" in small.log


def test_what_follows_a_refused_request_is_not_taken_for_another(small: Any) -> None:
    answer = small.raw(head(Content_Length="many") + HEALTH)
    assert answer.count(b"HTTP/1.1") + answer.count(b"HTTP/1.0") == 1


def test_a_host_of_another_name_is_forbidden_without_a_token(small: Any) -> None:
    assert_refused(small.raw(head(Host="evil.test", Content_Length="5") + b"hello"), 403, "forbidden", "evil.test")
    answer = small.get("/health", Host="evil.test:80")
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


def test_a_post_from_a_page_of_another_site_is_forbidden_without_a_token(small: Any) -> None:
    assert small.extract("a.gif", b"x", {"Origin": "http://evil.test"}).status == 403


def test_without_the_token_an_upload_is_refused_before_it_is_read(start_sidecar: Any, stand_in: Path) -> None:
    guarded = start_sidecar(token="s3cret", EXIFTOOL_PATH=str(stand_in))
    answer = guarded.raw(head(Content_Length=str(100 * MIB), Expect="100-continue"))
    assert_refused(answer, 403, "forbidden", "X-Mediabridge-Token")
    assert "s3cret" not in guarded.log + answer.decode()


@contextlib.contextmanager
def uploads(sidecar: Any, form: Any, until: Any, name: str, count: int) -> Iterator[list[socket.socket]]:
    """Clients that have sent a file each and wait; all work threads have them once the context is entered."""
    socks = [sidecar.connect(60) for _ in range(count)]
    for number, sock in enumerate(socks):
        body, kind = form([("file", name, b"x%d" % number)])  # the same content would be read once for all
        sock.sendall(head(Content_Type=kind, Content_Length=str(len(body))) + body)
    until(lambda: len(sidecar.uploads) == count)
    try:
        yield socks
    finally:
        for sock in socks:
            sock.close()
        until(lambda: not sidecar.uploads)


def test_health_answers_while_all_work_threads_are_busy(small: Any, form: Any, until: Any) -> None:
    with uploads(small, form, until, "a.hang", 4):
        start = time.monotonic()
        assert small.get("/health").status == 200
        assert time.monotonic() - start < 1
        assert_refused(small.raw(head(Content_Length=str(10 * MIB))), 413, "payload_too_large")


def test_a_busy_engine_is_degraded_and_not_down(small: Any, form: Any, until: Any) -> None:
    until(lambda: small.get("/api/extract/health").json["status"] == "ok")
    with uploads(small, form, until, "a.hang", 4):
        start = time.monotonic()
        answer = small.get("/api/extract/health")
        assert (answer.status, answer.json["status"]) == (200, "degraded")
        assert answer.json["pool"] | {"busy": 1, "queued": 3} == answer.json["pool"]
        assert time.monotonic() - start < 3


def test_a_client_that_leaves_frees_the_engine_and_leaves_no_file(small: Any, form: Any, until: Any) -> None:
    with uploads(small, form, until, "a.hang", 2) as socks:
        for sock in socks:
            sock.close()
        until(lambda: not small.uploads)
    assert small.extract("good.gif", b"x").status == 200


def test_an_upload_that_is_broken_off_leaves_no_file_and_no_descriptor(small: Any, form: Any, until: Any) -> None:
    until(small.healthy)
    process = psutil.Process(small.process.pid)
    before = process.num_fds()
    body, kind = form([("file", "a.gif", bytes(MIB))])
    for _ in range(5):
        with small.connect() as sock:
            sock.sendall(head(Content_Type=kind, Content_Length=str(len(body))) + body[: 900 * 1024])
            until(lambda: small.uploads)
        until(lambda: not small.uploads)
    until(lambda: process.num_fds() <= before)


def test_many_clients_at_once_get_their_own_answers(small: Any) -> None:
    found: dict[int, int] = {}

    def ask(number: int) -> None:
        found[number] = small.extract(f"{number}.gif", bytes(1000 + number)).json["file"]["size"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {number: 1000 + number for number in range(20)}


def test_a_file_that_hangs_gets_504_and_the_next_one_is_read(start_sidecar: Any, stand_in: Path) -> None:
    hasty = start_sidecar(EXIFTOOL_PATH=str(stand_in), EXTRACT_TIMEOUT="1")
    answer = hasty.extract("a.hang", b"x")
    assert (answer.status, answer.json["code"]) == (504, "extraction_timeout")
    assert "1 s" in answer.json["message"]
    assert hasty.extract("good.gif", b"x").status == 200
    assert hasty.get("/api/extract/health").json["pool"]["restarts"] == 1
    assert hasty.uploads == []


def test_a_file_that_kills_exiftool_costs_its_own_request_only(small: Any) -> None:
    answer = small.extract("a.die", b"x")
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert "SIGKILL" in answer.json["message"]
    assert small.extract("good.gif", b"x").status == 200


def test_an_endless_answer_of_exiftool_is_an_error_of_the_file(small: Any) -> None:
    answer = small.extract("a.flood", b"x")
    assert (answer.status, answer.json["code"]) == (422, "unreadable_file")
    assert answer.json["partial"] == {"metadata": {}, "warnings": []}


def test_without_exiftool_the_main_fields_are_read_and_all_say_what_is_missing(
    start_sidecar: Any, tmp_path: Path, make_jpeg: Any
) -> None:
    bare = start_sidecar(PATH=str(tmp_path), FLASK_ENV="production")
    answer = bare.extract("a.jpg", make_jpeg("Canon"))
    assert (answer.status, answer.json["engine"]["name"], answer.json["cached"]) == (200, "builtin", False)
    assert answer.json["metadata"]["EXIF"]["Make"] == "Canon"
    assert "ExifTool is missing" in answer.json["warnings"][0]
    assert bare.extract("a.jpg", make_jpeg("Canon")).json["cached"] is False, "ExifTool may be there the next time"
    broken = bare.extract("a.jpg", b"x")
    assert broken.status == 415
    assert "ExifTool says" not in broken.json["message"]
    assert (bare.get("/health").status, bare.get("/health").json["engine"]) == (200, "missing")
    health = bare.get("/api/extract/health")
    assert (health.status, health.json["status"]) == (200, "degraded")
    assert health.json["engine"]["name"] == "builtin"
    assert "ExifTool was not found" in health.json["reason"]
    assert "ExifTool was not found" in bare.log
