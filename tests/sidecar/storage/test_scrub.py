"""`mediabridge scrub`: what is not as it was stored is found, told and put aside."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mediabridge.sidecar.storage.disk import LocalDisk
from mediabridge.sidecar.storage.record import Label
from mediabridge.sidecar.storage.scrub import MEANING, SETTLED_S, Scrubber
from mediabridge.sidecar.storage.store import ContentStore


def keep(disk: LocalDisk, content: bytes) -> str:
    store = ContentStore(disk)
    incoming = store.accept(Label("a.txt"), 10_000, len(content))
    incoming.write(content)
    kept = store.keep(incoming)
    incoming.close()
    return kept.record.content_hash


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    place = LocalDisk(tmp_path / "files")
    yield place
    place.close()


@pytest.fixture
def troubled(disk: LocalDisk) -> dict[str, str]:
    """A content of each kind of trouble: kind -> hash."""
    hashes = {kind: keep(disk, kind.encode()) for kind in ("fine", "damaged", "lost", "metadata")}
    original = disk.root / hashes["damaged"] / "original"
    original.chmod(0o644)
    original.write_bytes(b"DAMAGED")
    disk.delete(f"{hashes['lost']}/original")
    disk.replace(f"{hashes['metadata']}/metadata.json", b"{}")
    hashes["unfinished"] = hashlib.sha256(b"unfinished").hexdigest()
    disk.put(f"{hashes['unfinished']}/original", b"unfinished")
    hashes["under way"] = hashlib.sha256(b"under way").hexdigest()
    disk.put(f"{hashes['under way']}/original", b"under way")
    old = (disk.root / hashes["unfinished"] / "original").stat().st_mtime - 2 * SETTLED_S
    os.utime(disk.root / hashes["unfinished"] / "original", (old, old))
    return hashes


def scrub(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("mediabridge")), "scrub", *options],
        env={**os.environ, "FILE_STORAGE_PATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=root.parent,
    )


def contents(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name != ".lock"}


def test_each_trouble_is_found(disk: LocalDisk, troubled: dict[str, str]) -> None:
    found = {kind: Scrubber(disk).examine(one).trouble for kind, one in troubled.items()}
    assert found == {"fine": None, "under way": None, **{kind: kind for kind in MEANING if kind in troubled}}


def test_the_command_tells_them_and_changes_nothing(disk: LocalDisk, troubled: dict[str, str]) -> None:
    before = contents(disk.root)
    done = scrub(disk.root)
    assert done.returncode == 1
    for kind in ("damaged", "lost", "metadata", "unfinished"):
        assert f"{troubled[kind]} {kind}: " in done.stdout
    assert troubled["fine"] not in done.stdout
    assert "1 damaged, 1 lost, 1 metadata, 1 unfinished" in done.stdout
    after = contents(disk.root)
    assert after == before


def test_mending_puts_aside_and_the_next_upload_is_stored(disk: LocalDisk, troubled: dict[str, str]) -> None:
    done = scrub(disk.root, "--mend", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    mended = {one["trouble"] for one in told["findings"] if one["mended"]}
    assert mended == {"damaged", "unfinished"}
    damaged = disk.root / troubled["damaged"]
    assert (damaged / "original.damaged").read_bytes() == b"DAMAGED"
    assert not (damaged / "original").exists()
    assert not (disk.root / troubled["unfinished"]).exists()
    assert (disk.root / troubled["under way"] / "original").exists()
    for kind in ("damaged", "lost", "metadata"):
        assert keep(disk, kind.encode()) == troubled[kind]
    again = scrub(disk.root)
    assert (again.returncode, again.stderr) == (0, "")
    assert "all as they were stored" in again.stdout


def test_mending_removes_a_folder_that_never_got_a_file(disk: LocalDisk) -> None:
    empty, kept = "e" * 64, keep(disk, b"kept")
    (disk.root / empty).mkdir()
    assert scrub(disk.root).returncode == 0
    assert (disk.root / empty).is_dir()
    assert scrub(disk.root, "--mend").returncode == 0
    assert sorted(disk.hashes()) == [kept]


def test_nothing_stored_is_no_trouble(tmp_path: Path) -> None:
    done = scrub(tmp_path / "none")
    assert done.returncode == 0
    assert "0 originals" in done.stdout
    assert "is FILE_STORAGE_PATH that of the server?" in done.stderr
    assert not (tmp_path / "none").exists()


def test_a_content_that_goes_meanwhile_is_no_trouble(disk: LocalDisk) -> None:
    gone = keep(disk, b"gone")

    class Going(LocalDisk):
        def open(self, key: str, start: int = 0, length: int | None = None) -> Any:
            disk.delete(f"{gone}/metadata.json")
            disk.delete(f"{gone}/original")
            return super().open(key, start, length)

    assert Scrubber(Going(disk.root)).examine(gone).trouble is None


@pytest.mark.parametrize("kind", ["damaged", "unfinished"])
def test_what_an_upload_mends_meanwhile_stays(disk: LocalDisk, troubled: dict[str, str], kind: str) -> None:
    """It was acknowledged: put aside or cleared away, it would be lost."""

    class Looking(LocalDisk):
        """Where the upload comes between the look and what follows from it."""

        def mending(self) -> Any:
            assert keep(disk, kind.encode()) == troubled[kind]
            return super().mending()

    Scrubber(Looking(disk.root), mend=True).examine(troubled[kind])
    assert (disk.root / troubled[kind] / "original").read_bytes() == kind.encode()
    assert Scrubber(disk).examine(troubled[kind]).trouble is None


def test_one_mends_after_the_other(disk: LocalDisk) -> None:
    other, order = LocalDisk(disk.root), []

    def mend() -> None:
        with other.mending():
            order.append("other")

    with disk.mending():
        thread = threading.Thread(target=mend)
        thread.start()
        thread.join(0.2)
        order.append("one")
    thread.join()
    assert order == ["one", "other"]
