"""The one thing the product is for, with everything real."""

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from running import alive, call, multipart, signal_quietly, until

FILE_SYSTEM = {
    "SourceFile", "Directory", "FileName", "FileModifyDate", "FileAccessDate", "FileInodeChangeDate", "FilePermissions",
}  # fmt: skip


def extract(url, path: Path):
    return call(f"{url}/api/extract", *multipart(path.name, path.read_bytes()))


def tags_of(metadata):
    """{(group, tag): value}; a name qualified by its family-1 group counts under its plain name as well."""
    return {(group, tag): value for group, tags in metadata.items() for tag, value in tags.items()}


def expected(exiftool, path):
    done = subprocess.run([exiftool, "-j", "-G0:1", "-struct", path], capture_output=True, check=False)
    found = {}
    for key, value in json.loads(done.stdout)[0].items():
        *groups, tag = key.split(":")
        if tag not in FILE_SYSTEM:
            group = "GPS" if groups[1:] == ["GPS"] else groups[0]
            found.setdefault((group, tag), []).append((groups[-1], value))
    return found


def assert_same(metadata, reference):
    got = tags_of(metadata)
    for (group, tag), values in reference.items():
        assert got.pop((group, tag)) == values[0][1], (group, tag)
        for family1, value in values[1:]:
            name = next(n for n in (tag, f"{family1}:{tag}") if (group, n) in got)
            assert got.pop((group, name)) == value, (group, name)
    assert [key for key in got if key[1] != "FileName"] == []


def test_a_photo_comes_back_with_every_tag_that_exiftool_prints(start, photo, exiftool):
    status, headers, answer = extract(start("dev", "--port", "0", "--sidecar-port", "0").ready(), photo)
    assert status == 200
    assert headers["X-Request-ID"] == answer["requestId"]
    assert answer["file"]["name"] == "holiday.jpg"
    assert answer["file"]["size"] == photo.stat().st_size
    assert answer["tier"] == "enterprise"
    assert answer["metadata"]["EXIF"]["Make"] == "Canon"
    assert_same(answer["metadata"], expected(exiftool, photo))


def test_a_photo_of_the_corpus_comes_back_with_every_tag(start, corpus, exiftool):
    path = corpus / "metadata/metadata-extractor-images/jpg/Apple iPhone 4.jpg"
    status, _, answer = extract(start("dev", "--port", "0", "--sidecar-port", "0").ready(), path)
    assert status == 200
    assert_same(answer["metadata"], expected(exiftool, path))


def test_ctrl_c_ends_everything_with_exit_code_0(start, photo):
    instance = start("dev", "--port", "0", "--sidecar-port", "0")
    extract(instance.ready(), photo)  # so that ExifTool runs
    tree = instance.tree()
    assert len(tree) >= 2
    instance.interrupt()
    assert instance.end() == 0
    until(lambda: not alive(tree), "processes are left behind")


def test_a_second_ctrl_c_ends_everything_at_once(start):
    instance = start("dev", "--port", "0", "--sidecar-port", "0", env={"FLASK_SHUTDOWN_TIMEOUT": "60000"})
    instance.ready()
    tree = instance.tree()
    for pid in tree:
        signal_quietly(pid, signal.SIGSTOP)  # nothing can end politely now
    instance.interrupt()
    instance.wait_for("stopping")
    instance.interrupt()
    assert instance.end(10) == 0
    until(lambda: not alive(tree), "processes are left behind")


def test_the_host_lives_on_when_the_sidecar_is_killed_and_says_why(start):
    instance = start("dev", "--port", "0", "--sidecar-port", "0")
    url = instance.ready()
    os.kill(call(f"{url}/api/bridge/status")[2]["pid"], signal.SIGKILL)
    until(lambda: call(f"{url}/readyz")[0] == 503, "not ready any more")
    status, headers, answer = call(f"{url}/api/extract", *multipart("a.jpg", b"x"))
    assert status == 503
    assert answer["code"] == "sidecar_unavailable"
    assert "SIGKILL" in answer["message"]
    assert "SIDECAR_RESTART" in answer["suggestion"]
    assert headers["X-Request-ID"] == answer["requestId"]
    assert call(f"{url}/healthz")[0] == 200
    instance.interrupt()
    assert instance.end() == 0


def test_serve_starts_a_killed_sidecar_again(start, photo):
    instance = start("serve", "--port", "0", "--sidecar-port", "0", env={"NODE_ENV": "development"})
    url = instance.ready()
    os.kill(call(f"{url}/api/bridge/status")[2]["pid"], signal.SIGKILL)
    until(lambda: call(f"{url}/api/bridge/status")[2]["restarts"] == 1, "restarted")
    until(lambda: call(f"{url}/readyz")[0] == 200, "ready again")
    assert extract(url, photo)[0] == 200


def test_every_line_of_the_sidecar_is_prefixed(start, photo):
    instance = start("dev", "--port", "0", "--sidecar-port", "0")
    extract(instance.ready(), photo)
    instance.wait_for(r"\[Python\] .*POST.*/api/extract.*200")
    assert all(line.startswith(("[Python] ", "[worker] ", "[mediabridge] ")) for line in instance.lines)


def test_many_uploads_at_once_all_come_back(start, photo):
    url = start("dev", "--port", "0", "--sidecar-port", "0").ready()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: extract(url, photo), range(64)))
    assert {status for status, _, _ in answers} == {200}
    assert len({answer["requestId"] for _, _, answer in answers}) == 64
