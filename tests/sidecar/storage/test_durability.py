"""Uploads at once, processes killed, a full disk: nothing half is served, nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import random
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pictures import jpeg
from PIL import Image

MIB = 1024 * 1024


def upload(sidecar: Any, content: bytes, name: str = "a.jpg") -> Any:
    return sidecar.request("POST", "/upload", content, {"x-filename": name})


def unfinished(root: Path) -> list[Path]:
    return [path for path in (root / ".incoming").rglob("*") if path.is_file() and path.name != ".lock"]


def assert_whole(root: Path) -> set[str]:
    """Whatever lies under a hash has that hash. Gives the hashes that have metadata, which is what is served."""
    complete = set()
    for folder in root.iterdir():
        if folder.name == ".incoming" or not any(folder.iterdir()):  # killed before the original got its name
            continue
        assert hashlib.sha256((folder / "original").read_bytes()).hexdigest() == folder.name
        if (folder / "metadata.json").exists():
            assert json.loads((folder / "metadata.json").read_bytes())["contentHash"] == folder.name
            complete.add(folder.name)
    return complete


def test_the_same_content_at_once_from_two_processes_is_one_copy(
    start_sidecar: Any, stand_in: Path, make_jpeg: Any, tmp_path: Path
) -> None:
    root = tmp_path / "files"
    both = [start_sidecar(EXIFTOOL_PATH=str(stand_in), FILE_STORAGE_PATH=str(root)) for _ in range(2)]
    contents = [make_jpeg(f"content {number}").ljust(200_000, b"\0") for number in range(5)]
    jobs = [(both[turn % 2], content, f"{turn}.jpg") for content in contents for turn in range(8)]
    random.Random(1).shuffle(jobs)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda job: upload(*job), jobs))
    assert {answer.status for answer in answers} == {200}
    for content in contents:
        digest = hashlib.sha256(content).hexdigest()
        told = [answer.json for answer in answers if answer.json["contentHash"] == digest]
        assert [one["isNew"] for one in told].count(True) == 1
        first = next(one for one in told if one["isNew"])
        assert all(one["metadata"] == first["metadata"] for one in told)
        assert first["metadata"]["originalName"] == first["originalName"]
    assert assert_whole(root) == {hashlib.sha256(content).hexdigest() for content in contents}
    assert unfinished(root) == []


class Client(threading.Thread):
    """Uploads one file after the other until the server is gone; keeps what was acknowledged."""

    def __init__(self, port: int, seed: int) -> None:
        super().__init__()
        self._port = port
        self._random = random.Random(seed)
        self.acknowledged: dict[str, bytes] = {}

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                content = b"\xff\xd8\xff" + self._random.randbytes(self._random.choice([100, 20_000, 700_000]))
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
                with contextlib.closing(connection):
                    connection.request("POST", "/upload", content, {"x-filename": "a.jpg"})
                    told = json.loads(connection.getresponse().read())
                    self.acknowledged[told["contentHash"]] = content


@pytest.mark.parametrize("seed", range(4))
def test_kill_in_the_middle_of_uploads(
    start_sidecar: Any, stand_in: Path, tmp_path: Path, until: Any, make_jpeg: Any, seed: int
) -> None:
    root = tmp_path / "files"
    settings = {"EXIFTOOL_PATH": str(stand_in), "FILE_STORAGE_PATH": str(root)}
    sidecar = start_sidecar(**settings)
    clients = [Client(sidecar.port, 10 * seed + number) for number in range(4)]
    stuck = sidecar.connect()  # an upload that is under way whatever the others do
    stuck.sendall(b"POST /upload HTTP/1.1\r\nHost: localhost\r\nx-filename: s.jpg\r\nContent-Length: 500000\r\n\r\n")
    stuck.sendall(make_jpeg().ljust(250_000, b"\0"))
    for client in clients:
        client.start()
    enough = random.Random(seed).randint(5, 30)
    until(lambda: sum(len(client.acknowledged) for client in clients) >= enough)
    until(lambda: unfinished(root))
    sidecar.process.kill()
    sidecar.process.wait(10)
    for client in clients:
        client.join(30)
    stuck.close()
    assert unfinished(root)
    acknowledged = {digest: content for client in clients for digest, content in client.acknowledged.items()}
    assert acknowledged.keys() <= assert_whole(root)

    again = start_sidecar(**settings)
    assert unfinished(root) == []
    assert "event=storage.swept" in again.log
    for digest, content in acknowledged.items():
        answer = again.get(f"/cache/{digest}/original?verify=1")
        assert (answer.status, answer.body) == (200, content)
    served = assert_whole(root)
    storage = until(lambda: counted(again))
    assert storage["files"] == len(served)
    assert storage["totalSize"] == sum((root / digest / "original").stat().st_size for digest in served)


def counted(sidecar: Any) -> Any:
    storage = sidecar.get("/health").json["storage"]
    return None if storage["counting"] else storage


@pytest.mark.parametrize("left", ["folder", "original"])
def test_what_has_no_metadata_is_not_there_until_it_is_sent_again(
    start_sidecar: Any, stand_in: Path, tmp_path: Path, make_jpeg: Any, left: str
) -> None:
    """What a process leaves that is killed between its folder and its two files."""
    root, content = tmp_path / "files", make_jpeg("between")
    digest = hashlib.sha256(content).hexdigest()
    (root / digest).mkdir(parents=True)
    if left == "original":
        (root / digest / "original").write_bytes(content)
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), FILE_STORAGE_PATH=str(root))
    for method, kind in (("GET", "original"), ("HEAD", "original"), ("GET", "metadata")):
        assert sidecar.request(method, f"/cache/{digest}/{kind}").status == 404
    assert upload(sidecar, content).json["isNew"] is True
    assert sidecar.get(f"/cache/{digest}/original").body == content


def test_a_stop_lets_an_upload_end(
    start_sidecar: Any, stand_in: Path, tmp_path: Path, until: Any, make_jpeg: Any
) -> None:
    root, content = tmp_path / "files", make_jpeg("stopping").ljust(400_000, b"\0")
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), FILE_STORAGE_PATH=str(root))
    with sidecar.connect() as client:
        head = (
            f"POST /upload HTTP/1.1\r\nHost: localhost\r\nx-filename: a.jpg\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        client.sendall(head.encode() + content[:200_000])
        until(lambda: unfinished(root))
        sidecar.process.terminate()
        until(lambda: "sidecar.stopping" in sidecar.log)
        client.sendall(content[200_000:])
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert sidecar.process.wait(10) == 0
    assert assert_whole(root) == {hashlib.sha256(content).hexdigest()}
    assert [path.name for path in (root / ".incoming").iterdir()] == [".lock"]


def test_originals_survive_a_cache_in_their_own_folder(
    start_sidecar: Any, stand_in: Path, tmp_path: Path, until: Any
) -> None:
    """Both have a `metadata.json` for each content, and an eviction takes whatever is old."""
    root = tmp_path / "files"
    settings = {"FILE_STORAGE_PATH": str(root), "CACHE_PATH": f"{tmp_path}/x/../files", "CACHE_FILES_MB": "1"}
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), **settings)
    noise = [Image.frombytes("RGB", (800, 600), random.Random(seed).randbytes(800 * 600 * 3)) for seed in range(3)]
    contents = [jpeg(picture) for picture in noise]
    hashes = [upload(sidecar, content).json["contentHash"] for content in contents]
    for digest in hashes:
        assert sidecar.get(f"/cache/{digest}/ai-vision").status == 200
    until(lambda: "storage.evicted" in sidecar.log)
    assert "CACHE_PATH is the folder of FILE_STORAGE_PATH" in sidecar.log
    for digest, content in zip(hashes, contents, strict=True):
        assert sidecar.get(f"/cache/{digest}/original?verify=1").body == content
        assert sidecar.get(f"/cache/{digest}/metadata").json["size"] == len(content)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(start_sidecar: Any, stand_in: Path, make_jpeg: Any, tiny_disk: Path) -> None:
    root = tiny_disk / "files"
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), FILE_STORAGE_PATH=str(root))
    first = make_jpeg("first").ljust(MIB, b"\0")
    kept = upload(sidecar, first).json["contentHash"]
    # Refused by its length alone.
    head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nx-filename: a.jpg\r\n"
    told = full(sidecar.raw(head + b"Content-Length: %d\r\n\r\n" % (3 * MIB)))
    assert told["storage"]["files"] == 1
    assert 0 < told["storage"]["availableSpace"] < MIB
    # Its length is unknown: it is broken off when the disk is full.
    content = make_jpeg("second").ljust(3 * MIB, b"\0")
    full(sidecar.raw(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(content), content)))
    assert unfinished(root) == []
    # There is room for all but the metadata and the folder.
    (tiny_disk / "ballast").write_bytes(b"\0" * (statvfs_free(tiny_disk) - 16 * 1024))
    answer = upload(sidecar, make_jpeg("third").ljust(15 * 1024, b"\0"))
    assert (answer.status, answer.json["code"]) == (507, "storage_full")
    assert unfinished(root) == []
    assert sidecar.get("/health").status == 200
    assert sidecar.get(f"/cache/{kept}/original?verify=1").body == first
    (tiny_disk / "ballast").unlink()
    assert upload(sidecar, make_jpeg("third").ljust(15 * 1024, b"\0")).status == 200


def statvfs_free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def full(answer: bytes) -> Any:
    head, _, body = answer.partition(b"\r\n\r\n")
    told = json.loads(body)
    assert head.startswith(b"HTTP/1.1 507 ")
    assert told["code"] == "storage_full"
    assert "FILE_STORAGE_PATH" in told["suggestion"]
    return told
