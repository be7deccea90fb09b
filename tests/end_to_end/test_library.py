"""The library through the proxy: files are uploaded or found in folders, imported by the worker, and shown."""

from __future__ import annotations

import http.client
import io
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pictures import scene
from PIL import Image
from running import Instance, call, until

OVER = ("completed", "failed", "cancelled")


def photo(seed: int, turn: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    exif.get_ifd(0x8769)[0x9003] = "2024:01:31 12:00:00"
    out = io.BytesIO()
    scene(seed, 60, 40).save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[Instance]:
    (folder / "photos").mkdir()
    places = {name: str(folder / name) for name in ("FILE_STORAGE_PATH", "CACHE_PATH", "INSTANCE_PATH")}
    env = {**places, "IMPORT_ROOTS": str(folder / "photos"), "EXTRACT_PROCESSES": "1"}
    instance = Instance("dev", "--port", "0", "--sidecar-port", "0", env=env, cwd=folder)
    instance.ready()
    yield instance
    instance.close()


@pytest.fixture
def photos(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of this test's alone, below IMPORT_ROOTS."""
    found = folder / "photos" / request.node.name[:40]
    found.mkdir()
    return found


def post(url: str, payload: object = None) -> tuple[int, Any]:
    data = b"" if payload is None else json.dumps(payload).encode()
    status, _, told = call(url, data, {"Content-Type": "application/json"}, "POST")
    return status, told


def job(host: Instance, number: str) -> dict[str, Any]:
    return call(f"{host.url}/api/library/jobs/{number}")[2]


def reach(host: Instance, number: str, *statuses: str) -> dict[str, Any]:
    told: dict[str, Any] = {}

    def there() -> bool:
        told.update(job(host, number))
        return told["status"] in statuses

    until(there, f"{statuses}", 60)
    return told


def begin(host: Instance, path: Path) -> str:
    status, told = post(f"{host.url}/api/import-path", {"path": str(path)})
    assert status == 202
    return told["jobId"]


def form(files: list[tuple[str, bytes]]) -> tuple[bytes, dict[str, str]]:
    edge = secrets.token_hex(8)
    out = b""
    for name, content in files:
        out += f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        out += content + b"\r\n"
    return out + f"--{edge}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={edge}"}


def test_uploads_are_imported_and_one_that_is_refused_spoils_none(host: Instance) -> None:
    files = [("a.jpg", photo(1)), ("notes.txt", b"Dear all"), ("empty.jpg", b""), ("b.jpg", photo(2, turn=6))]
    status, headers, told = call(f"{host.url}/api/upload", *form(files))
    assert (status, told["accepted"]) == (202, 2)
    codes = {one["name"]: one["code"] for one in told["refused"]}
    assert codes == {"notes.txt": "unsupported_media_type", "empty.jpg": "invalid_request"}
    assert [one["message"] for one in told["refused"]][1] == "files: empty.jpg is empty (0 bytes)."
    status, wrong = post(f"{host.url}/api/import-path", {"path": "/", "depth": 1})
    assert (status, wrong["message"]) == (400, "depth: there is no such field (there is path).")
    assert headers["Location"].endswith(f"/api/library/jobs/{told['jobId']}")
    done = reach(host, told["jobId"], *OVER)
    assert (done["status"], done["progress"]) == ("completed", {"done": 2, "total": 2, "failed": 0})
    (found,) = call(f"{host.url}/api/library/files?q=b.jpg")[2]["files"]
    assert (found["width"], found["height"], found["source"]) == (40, 60, "upload")
    with closing(http.client.HTTPConnection(urlsplit(host.url).netloc, timeout=30)) as connection:
        connection.request("GET", f"/api/library/files/{found['id']}/thumbnail")
        answer = connection.getresponse()
        assert Image.open(io.BytesIO(answer.read())).size == (40, 60)
    assert call(f"{host.url}/api/upload", *form([("notes.txt", b"Dear all")]))[0] == 415


def test_a_folder_is_imported_with_what_it_could_not_do(host: Instance, photos: Path) -> None:
    (photos / "good.jpg").write_bytes(photo(3))
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(100))
    (photos / os.fsdecode(b"caf\xe9 |")).write_bytes(photo(4))
    done = reach(host, begin(host, photos), *OVER)
    assert (done["status"], done["progress"]) == ("completed", {"done": 2, "total": 3, "failed": 1})
    assert [(one["name"], one["error"]["kind"]) for one in done["errors"]] == [("broken.jpg", "unreadable_file")]
    (found,) = call(f"{host.url}/api/library/files?q=good")[2]["files"]
    one = call(f"{host.url}/api/library/files/{found['id']}")[2]
    assert (one["taken"]["at"], one["taken"]["confidence"]) == ("2024-01-31T12:00:00", "high")
    assert one["companions"] == []


def test_only_folders_below_the_roots_are_read(host: Instance, folder: Path, photos: Path) -> None:
    (photos / "out").symlink_to(folder)
    for path in (folder, "/etc", photos / "out", f"{photos}/../..", "/no/such"):
        status, told = post(f"{host.url}/api/import-path", {"path": str(path)})
        assert (str(path), status, told["code"]) == (str(path), 403, "forbidden")
    assert post(f"{host.url}/api/import-path", {"path": f"{photos}/none"})[0] == 404
    for wrong in ({"path": "relative"}, {"path": 1}, {}, [], {"path": "/\ud800"}):
        assert post(f"{host.url}/api/import-path", wrong)[0] == 400


def test_events_tell_the_progress_to_the_end(host: Instance, photos: Path) -> None:
    for number in range(40):
        (photos / f"{number}.jpg").write_bytes(photo(100 + number))
    number = begin(host, photos)
    with closing(http.client.HTTPConnection(urlsplit(host.url).netloc, timeout=30)) as connection:
        connection.request("GET", f"/api/library/jobs/{number}/events")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Type").partition(";")[0]) == (200, "text/event-stream")
        blocks = answer.read().decode().strip().split("\n\n")
    told = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks if not block.startswith(":")]
    assert [one["event"] for one in told[:-1]] == ["progress"] * (len(told) - 1)
    assert told[-1]["event"] == "end"
    last = json.loads(told[-1]["data"])
    assert (last["status"], last["progress"]["done"]) == ("completed", 40)
    assert len(told) > 1
    assert call(f"{host.url}/api/library/jobs/none/events")[0] == 404


def test_a_job_is_paused_resumed_and_cancelled(host: Instance, photos: Path) -> None:
    for number in range(150):
        (photos / f"{number}.jpg").write_bytes(photo(200 + number % 7) + str(number).encode())
    address = f"{host.url}/api/library/jobs"
    number = begin(host, photos)
    until(lambda: job(host, number)["stage"], "it has begun", 30)
    assert post(f"{address}/{number}/pause")[0] == 200
    paused = reach(host, number, "paused", "completed")
    assert paused["status"] == "paused"
    assert paused["progress"]["done"] < 150
    assert post(f"{address}/{number}/pause")[0] == 409
    assert post(f"{address}/{number}/resume")[0] == 200
    done = reach(host, number, *OVER)
    assert (done["status"], done["progress"]) == ("completed", {"done": 150, "total": 150, "failed": 0})
    assert post(f"{address}/{number}/cancel")[0] == 409

    for path in photos.iterdir():
        os.utime(path, (1, 1))  # changed: all is read again
    number = begin(host, photos)
    until(lambda: job(host, number)["stage"], "it has begun", 30)
    assert post(f"{address}/{number}/cancel")[0] == 200
    assert reach(host, number, *OVER)["status"] == "cancelled"
    assert job(host, number)["finishedAt"] is not None
    assert post(f"{address}/none/cancel")[0] == 404


def test_the_worker_s_health(host: Instance, start: Callable[..., Instance], tmp_path: Path) -> None:
    status, _, told = call(f"{host.url}/api/worker-health")
    assert (status, told["status"], told["workers"]) == (200, "ok", 1)
    places = {name: str(tmp_path / name) for name in ("FILE_STORAGE_PATH", "CACHE_PATH", "INSTANCE_PATH")}
    alone = start("dev", "--port", "0", "--sidecar-port", "0", env={**places, "SIDECAR_WORKER": "off"})
    alone.ready()
    status, _, told = call(f"{alone.url}/api/worker-health")
    assert (status, told["status"], told["workers"]) == (503, "down", 0)
    status, told = post(f"{alone.url}/api/import-path", {"path": str(tmp_path)})
    assert (status, told["code"]) == (403, "forbidden")
    assert "IMPORT_ROOTS" in told["suggestion"]
