"""Batches through the proxy, limits at the first door, and the command line."""

from __future__ import annotations

import http.client
import json
import subprocess
import urllib.parse

import psutil
import pytest
from running import PROGRAM, alive, call, until

MIB = 1024 * 1024


def form(files):
    body = b"".join(
        f'--X\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode() + content + b"\r\n"
        for name, content in files
    )
    return body + b"--X--\r\n", {"Content-Type": "multipart/form-data; boundary=X"}


@pytest.fixture
def served(start, tmp_path):
    cache = {"CACHE_PATH": str(tmp_path / "cache"), "EXTRACT_PROCESSES": "2", "EXTRACT_MAX_MB_FREE": "1"}
    return start("dev", "--port", "0", "--sidecar-port", "0", env=cache)


def test_a_batch_goes_through_the_proxy(served, photo):
    files = [(f"{number}.jpg", photo.read_bytes() if number % 4 else b"text") for number in range(8)]
    status, headers, answer = call(f"{served.ready()}/api/extract/batch", *form(files))
    assert (status, answer["succeeded"], answer["failed"]) == (200, 6, 2)
    assert [result["file"]["name"] for result in answer["results"]] == [name for name, _ in files]
    assert {result["requestId"] for result in answer["results"]} == {headers["X-Request-ID"]}


def test_lines_of_a_batch_are_streamed_through_the_proxy(served, photo):
    where = urllib.parse.urlsplit(served.ready())
    body, headers = form([(f"{number}.jpg", photo.read_bytes()) for number in range(6)])
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    connection.request("POST", "/api/extract/batch", body, {**headers, "Accept": "application/x-ndjson"})
    with connection.getresponse() as response:
        assert response.getheader("Content-Type") == "application/x-ndjson"
        lines = [json.loads(line) for line in response]
    connection.close()
    assert sorted(line["index"] for line in lines) == list(range(6))


def test_a_tier_in_the_address_has_its_limit_before_the_upload_is_sent(served):
    """By its length alone, before a byte of the body; without the tier the client is told to go on."""
    where = urllib.parse.urlsplit(served.ready())
    for query, expected in (("?tier=free", b"HTTP/1.1 413 "), ("", b"HTTP/1.1 100 ")):
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
        connection.putrequest("POST", f"/api/extract{query}")
        connection.putheader("Content-Type", "multipart/form-data; boundary=X")
        connection.putheader("Content-Length", str(2 * MIB))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        assert connection.sock.recv(64).startswith(expected)
        connection.close()
    body, headers = form([("a.gif", b"GIF89a" + bytes(2 * MIB))])
    status, _, answer = call(f"{where.geturl()}/api/extract/batch?tier=free", body, headers)
    assert (status, answer["results"][0]["code"]) == (200, "payload_too_large")


def test_the_command_reads_a_folder_and_says_which_file_it_could_not_read(tmp_path, photo):
    (tmp_path / "album" / "deep").mkdir(parents=True)
    (tmp_path / "album" / "deep" / "a.jpg").write_bytes(photo.read_bytes())
    (tmp_path / "album" / "b.jpg").write_bytes(b"text")
    command = [PROGRAM, "extract", "album", photo, "--format", "ndjson", "--tier", "Premium"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    found = {line["file"]["path"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert done.stderr.startswith("album/b.jpg: ")
    assert found["album/deep/a.jpg"]["metadata"]["EXIF"]["Make"] == "Canon"
    assert found[str(photo)]["tier"] == "premium"
    assert found["album/b.jpg"]["code"] == "unsupported_media_type"


def test_ctrl_c_leaves_no_exiftool_behind(start, tmp_path, photo):
    """The program becomes the reader itself, so that the terminal's Ctrl+C reaches it."""
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number}.jpg").write_bytes(photo.read_bytes())
    instance = start("extract", "album", "--format", "ndjson", env={"EXTRACT_PROCESSES": "2"})
    instance.wait_for(r'"sha256"')
    tree = instance.tree()
    assert tree
    assert psutil.Process(instance.process.pid).children()  # ExifTool is its own child
    instance.interrupt()
    assert instance.end() == 130
    until(lambda: not alive(tree), "all ExifTool processes have ended")
    assert "Traceback" not in "\n".join(instance.lines)
