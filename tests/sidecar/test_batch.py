"""`POST /api/extract/batch`: a real sidecar; each file for itself, whatever happens to the others."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mediabridge.sidecar.extraction.batch import Batch
from mediabridge.sidecar.limits import NAMES, tiers

MakeJpeg = Callable[..., bytes]
NDJSON = {"Accept": "application/x-ndjson"}
CONTRACT_FIELDS = {"error", "message", "suggestion", "timestamp", "status", "code", "requestId"}


@pytest.fixture(scope="module")
def pair(start_shared: Any, exiftool: Path) -> Any:
    """A real sidecar with two ExifTool processes."""
    return start_shared(EXTRACT_PROCESSES="2", EXTRACT_MAX_MB="1")


@pytest.fixture(scope="module")
def stubborn(start_shared: Any, stand_in: Path) -> Any:
    """The same with the stand-in that misbehaves by the file's extension."""
    return start_shared(EXIFTOOL_PATH=str(stand_in), EXTRACT_PROCESSES="2", EXTRACT_TIMEOUT="2")


@pytest.fixture
def send(form: Any) -> Callable[..., Any]:
    def post(sidecar: Any, files: list[tuple[str, bytes]], headers: dict[str, str] | None = None, **fields: str) -> Any:
        body, kind = form([("files", name, content) for name, content in files], fields)
        return sidecar.request("POST", "/api/extract/batch", body, {"Content-Type": kind, **(headers or {})})

    return post


def test_fifty_files_with_broken_ones_in_their_places(pair: Any, send: Any, make_jpeg: MakeJpeg) -> None:
    broken = {3: b"", 11: b"plain text", 24: b"\x00\x01\x02 of no format", 49: make_jpeg()[:30]}
    files = [(f"{number}.jpg", broken.get(number, make_jpeg(f"Maker{number}"))) for number in range(50)]
    answer = send(pair, files, {"X-Request-ID": "batch-1"})
    found = answer.json
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert (found["succeeded"], found["failed"], len(found["results"])) == (46, 4, 50)
    assert list(found) == ["results", "succeeded", "failed"]
    for number, (result, (name, content)) in enumerate(zip(found["results"], files, strict=True)):
        assert (result["index"], result["file"]["name"], result["requestId"]) == (number, name, "batch-1")
        assert result["file"]["sha256"] == hashlib.sha256(content).hexdigest()
        if number not in broken:
            assert result["metadata"]["EXIF"]["Make"] == f"Maker{number}"
    errors = {number: found["results"][number] for number in broken}
    assert all(error.keys() >= CONTRACT_FIELDS for error in errors.values())
    assert [(error["status"], error["code"]) for error in errors.values()] == [
        (400, "invalid_request"),
        (415, "unsupported_media_type"),
        (415, "unsupported_media_type"),
        (422, "unreadable_file"),
    ]
    assert errors[49]["partial"]["metadata"]["File"]["FileType"] == "JPEG"
    assert pair.uploads == []


def test_a_result_is_what_the_file_alone_would_get(pair: Any, send: Any, make_jpeg: MakeJpeg) -> None:
    content = make_jpeg("Canon")
    (one,) = send(pair, [("a.jpg", content)], tier="premium").json["results"]
    alone = pair.extract("a.jpg", content, tier="premium").json
    varies = {"requestId", "elapsedMs", "index", "cached"}
    assert {key: value for key, value in one.items() if key not in varies} == {
        key: value for key, value in alone.items() if key not in varies
    }


def test_a_file_over_the_limit_of_its_tier_fails_alone(start_sidecar: Any, stand_in: Path, send: Any) -> None:
    small = start_sidecar(EXIFTOOL_PATH=str(stand_in), EXTRACT_MAX_MB_FREE="1", EXTRACT_MAX_MB="2")
    mib = 1024 * 1024
    found = send(small, [("a.gif", b"x"), ("b.gif", bytes(mib + 1)), ("c.gif", bytes(mib))], tier="free").json
    assert (found["succeeded"], found["failed"]) == (2, 1)
    assert found["results"][1]["code"] == "payload_too_large"
    assert "1 MB (1048576 bytes)" in found["results"][1]["message"]
    body = [("a.gif", bytes(mib)), ("b.gif", bytes(mib)), ("c.gif", bytes(mib))]
    assert send(small, body).status == 413  # the request as a whole


def test_a_file_that_kills_exiftool_and_one_that_hangs_cost_their_own_results(stubborn: Any, send: Any) -> None:
    names = ["a.gif", "b.die", "c.gif", "d.hang", "e.quit", "f.nonsense", "g.gif", "h.gif"]
    found = send(stubborn, [(name, b"x") for name in names]).json
    assert [result.get("code") for result in found["results"]] == [
        None, "internal_error", None, "extraction_timeout", "internal_error", "internal_error", None, None,
    ]  # fmt: skip
    assert (found["succeeded"], found["failed"]) == (4, 4)
    health = stubborn.get("/api/extract/health").json
    assert (health["status"], health["pool"]["timeouts"], health["pool"]["queued"]) == ("ok", 1, 0)


def test_exiftool_killed_in_the_middle_costs_at_most_what_it_was_reading(
    start_sidecar: Any, stand_in: Path, send: Any, until: Any
) -> None:
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), EXTRACT_PROCESSES="2")
    until(lambda: len(sidecar.tools) == 2)
    answers: list[Any] = []
    thread = threading.Thread(
        target=lambda: answers.append(send(sidecar, [(f"{n}.slow", b"x%d" % n) for n in range(6)]))
    )
    thread.start()
    tools = [tool.pid for tool in sidecar.tools]
    reading = until(lambda: [pid for pid in tools if Path(f"{stand_in}.{pid}").exists()])
    os.kill(reading[0], signal.SIGKILL)
    thread.join(30)
    assert (answers[0].json["succeeded"], answers[0].json["failed"]) == (5, 1)


def pool(sidecar: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sidecar.get("/api/extract/health").json["pool"]["processes"]
    return found


@contextlib.contextmanager
def streamed(sidecar: Any, form: Any, names: list[str]) -> Iterator[http.client.HTTPResponse]:
    body, kind = form([("files", name, b"x") for name in names], {})
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", "/api/extract/batch", body, {"Content-Type": kind, **NDJSON})
        with connection.getresponse() as response:
            yield response


def test_lines_arrive_before_the_last_file_is_done(stubborn: Any, form: Any) -> None:
    names = ["a.hang", "b.gif", "c.gif", "d.gif"]
    with streamed(stubborn, form, names) as response:
        assert response.getheader("Content-Type") == "application/x-ndjson"
        early = [json.loads(response.readline()) for _ in range(3)]
        assert any(process["busy"] for process in pool(stubborn))  # the one that hangs is still under way
        last = json.loads(response.readline())
        assert response.readline() == b""
    assert sorted(line["index"] for line in early) == [1, 2, 3]
    assert (last["index"], last["code"], last["file"]["name"]) == (0, "extraction_timeout", "a.hang")


def test_a_client_that_leaves_in_the_middle_leaves_neither_work_nor_files(
    start_sidecar: Any, stand_in: Path, form: Any, until: Any
) -> None:
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), EXTRACT_PROCESSES="2")
    with streamed(sidecar, form, ["a.gif", *[f"{number}.hang" for number in range(20)]]) as response:
        assert json.loads(response.readline())["index"] == 0
        assert len(sidecar.uploads) == 21
    until(lambda: not sidecar.uploads, 30)
    until(lambda: not any(process["busy"] for process in pool(sidecar)), 30)


def test_a_stop_in_the_middle_leaves_no_process_and_no_file(
    start_sidecar: Any, stand_in: Path, form: Any, until: Any
) -> None:
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), EXTRACT_PROCESSES="2", FLASK_SHUTDOWN_TIMEOUT="1000")
    until(lambda: len(sidecar.tools) == 2)
    tools = sidecar.tools
    with streamed(sidecar, form, ["a.gif", *[f"{number}.hang" for number in range(6)]]) as response:
        response.readline()
        assert sidecar.stop() == 0
        lines = [json.loads(line) for line in response.read().splitlines()]
    assert {line["code"] for line in lines} <= {"sidecar_unavailable", "client_gone"}
    assert [tool for tool in tools if psutil.pid_exists(tool.pid) and tool.is_running()] == []
    assert sidecar.folders == []


def test_a_form_without_files_names_the_part_and_shows_the_command(pair: Any, form: Any) -> None:
    body, kind = form([("file", "a.gif", b"x")], {})
    found = pair.request("POST", "/api/extract/batch", body, {"Content-Type": kind}).json
    assert (found["status"], found["code"]) == (400, "invalid_request")
    assert "files: the form has no part of that name (it has 'file')" in found["message"]
    assert "-F files=@a.jpg" in found["suggestion"]


def test_an_unknown_tier_is_an_error_of_the_whole_batch(pair: Any, send: Any) -> None:
    assert send(pair, [("a.gif", b"x")], tier="gold").json["code"] == "invalid_request"
    assert pair.uploads == []


def test_a_batch_of_many_files_holds_few_descriptors_and_more_than_a_thousand_are_told(
    stubborn: Any, send: Any
) -> None:
    assert send(stubborn, [(f"{number}.gif", b"x") for number in range(900)]).json["succeeded"] == 900
    answer = send(stubborn, [(f"{number}.gif", b"x") for number in range(1001)])
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert "1000" in answer.json["message"]


def test_a_bug_at_one_file_is_logged_and_costs_its_own_result(caplog: pytest.LogCaptureFixture) -> None:
    class File:
        def __init__(self, name: str) -> None:
            self.path, self.name, self.extension, self.size, self.sha256 = Path("/x"), name, "", 1, "00"

    def read(file: Any, _gone: Any) -> Any:
        raise ZeroDivisionError if file.name == "bad" else OSError

    table = tiers(dict.fromkeys(NAMES, 10))
    batch = Batch(files=[File("bad"), File("worse")], tier=table["free"], read=read, threads=2, url="http://x")
    results = list(batch.results(in_order=True))
    assert [(result.succeeded, result.answer["code"]) for result in results] == [(False, "internal_error")] * 2
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivisionError" not in json.dumps([result.answer for result in results])


def test_the_tier_in_the_address_is_judged_before_the_upload(start_sidecar: Any, stand_in: Path, until: Any) -> None:
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), EXTRACT_MAX_MB_FREE="1")
    head = (
        "POST /api/extract?tier=free HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=X\r\n"
        "Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = sidecar.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"payload_too_large" in answer
    with sidecar.connect() as sock:  # without the tier it may be sent
        sock.sendall(head.replace("?tier=free", "").encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")


def test_an_upload_without_files_is_shown_its_own_address(sidecar: Any) -> None:
    body = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nabc\r\n--x--\r\n'
    answer = sidecar.request("POST", "/api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["suggestion"].endswith("/api/upload")
    bare = sidecar.request("POST", "/api/upload", b"abc", {"Content-Type": "text/plain"})
    assert (bare.status, bare.json["suggestion"]) == (400, answer.json["suggestion"])
    text = body.replace(b'name="file"', b'name="files"')
    refused = sidecar.request("POST", "/api/upload", text, {"Content-Type": "multipart/form-data; boundary=x"})
    assert (refused.status, refused.json["supported"]) == (415, ["image/*", "video/*"])
