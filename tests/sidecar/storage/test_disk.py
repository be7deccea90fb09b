"""Local disk as a place for contents, and derived files on it: put-if-absent, durable, never half."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mediabridge.sidecar.storage import disk as module
from mediabridge.sidecar.storage.backend import NotStoredError, check_key
from mediabridge.sidecar.storage.derived import Derived
from mediabridge.sidecar.storage.disk import INCOMING, LocalDisk

HASH = hashlib.sha256(b"content").hexdigest()
KEY = f"{HASH}/original"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LocalDisk]:
    place = LocalDisk(tmp_path / "files")
    yield place
    place.close()


def unfinished(root: Path) -> list[Path]:
    return [path for path in (root / INCOMING).rglob("*") if path.is_file() and path.name != ".lock"]


def test_nothing_is_made_before_something_is_written(disk: LocalDisk) -> None:
    assert disk.sweep() == 0
    assert list(disk.hashes()) == []
    assert disk.names(HASH) == []
    assert disk.space().free > 0
    assert not disk.root.exists()


def test_the_first_put_wins(disk: LocalDisk) -> None:
    assert disk.put(KEY, b"first")
    assert not disk.put(KEY, b"second")
    with disk.open(KEY) as file:
        assert file.read() == b"first"
    assert disk.stat(KEY).size == 5
    assert unfinished(disk.root) == []


def test_a_file_is_put_and_stays_with_its_owner(disk: LocalDisk) -> None:
    source = disk.new_path()
    source.write_bytes(b"content")
    assert disk.put(KEY, source)
    assert source.exists()
    source.unlink()
    with disk.local(KEY) as path:
        assert path == disk.root / HASH / "original"
        assert path.read_bytes() == b"content"
        assert not path.stat().st_mode & 0o222


def test_replace_changes_what_is_there(disk: LocalDisk) -> None:
    disk.replace(KEY, b"old")
    with disk.open(KEY) as reader:
        disk.replace(KEY, b"new")
        assert reader.read() == b"old"
    with disk.open(KEY, 1) as file:
        assert file.read() == b"ew"
    assert unfinished(disk.root) == []


def test_what_is_not_there_is_told(disk: LocalDisk) -> None:
    for ask in (disk.open, disk.stat):
        with pytest.raises(NotStoredError):
            ask(KEY)
    with pytest.raises(NotStoredError), disk.local(KEY):
        pass
    assert not disk.delete(KEY)


def test_delete_takes_the_empty_folder_with_it(disk: LocalDisk) -> None:
    disk.put(KEY, b"x")
    disk.put(f"{HASH}/metadata.json", b"{}")
    assert disk.names(HASH) == ["metadata.json", "original"]
    assert disk.delete(KEY)
    assert list(disk.hashes()) == [HASH]
    assert disk.delete(f"{HASH}/metadata.json")
    assert list(disk.hashes()) == []


@pytest.mark.parametrize(
    "key", ["../x", f"{HASH}/../x", f"{HASH}/.x", HASH, f"{HASH}/a/b", f"{HASH.upper()}/x", f"{HASH}/x\n"]
)
def test_a_key_leads_nowhere_else(disk: LocalDisk, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        check_key(key)
    with pytest.raises(ValueError, match="no key"):
        disk.put(key, b"x")


def test_a_root_that_was_removed_is_made_again(disk: LocalDisk) -> None:
    assert disk.put(KEY, b"first")
    shutil.rmtree(disk.root)
    assert disk.put(KEY, b"again")
    assert not disk.put(KEY, b"third")
    with disk.open(KEY) as file:
        assert file.read() == b"again"


def test_of_many_at_once_one_wins(disk: LocalDisk) -> None:
    others = [LocalDisk(disk.root) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda pair: pair[1].put(KEY, str(pair[0]).encode()), enumerate(others)))
    assert won.count(True) == 1
    with disk.open(KEY) as file:
        assert file.read() == str(won.index(True)).encode()
    for other in others:
        other.close()


def test_puts_and_deletes_at_once_end_with_either(disk: LocalDisk) -> None:
    def put(_: int) -> bool:
        return disk.put(KEY, b"content")

    with ThreadPoolExecutor(4) as pool:
        puts = [pool.submit(put, n) for n in range(60)]
        deletes = [pool.submit(disk.delete, KEY) for _ in range(60)]
        for done in (*puts, *deletes):
            done.result()
    disk.put(KEY, b"content")
    with disk.open(KEY) as file:
        assert file.read() == b"content"


def test_a_file_system_without_links_takes_files_too(disk: LocalDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(module.errno.EPERM, "no links here")

    monkeypatch.setattr(module.os, "link", no_links)
    assert disk.put(KEY, b"first")
    assert not disk.put(KEY, b"second")
    with disk.open(KEY) as file:
        assert file.read() == b"first"
    assert unfinished(disk.root) == []


def test_bytes_are_on_the_disk_before_their_name_and_the_name_before_the_answer(
    disk: LocalDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.new_path()  # makes the root
    steps: list[str] = []
    fsync, link = os.fsync, os.link

    def told_fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        kind = "file" if path.is_file() else {disk.root.name: "root", HASH: "folder"}.get(path.name, path.name)
        steps.append(kind)
        fsync(handle)

    def told_link(*given: Path) -> None:
        steps.append("link")
        link(*given)

    monkeypatch.setattr(module.os, "fsync", told_fsync)
    monkeypatch.setattr(module.os, "link", told_link)
    disk.put(KEY, b"content")
    assert steps == ["file", "link", "folder", "root"]
    steps.clear()
    assert not disk.put(KEY, b"content")
    assert steps == []  # it is known to be there
    other = LocalDisk(disk.root)
    assert not other.put(KEY, b"content")
    assert steps == ["folder", "root"]  # the first one may have been killed before it came to that
    disk.delete(KEY)
    steps.clear()
    disk.put(KEY, b"content")
    assert steps == ["file", "link", "folder", "root"]
    steps.clear()
    disk.put(f"{HASH}/metadata.json", b"{}")
    assert steps == ["file", "link", "folder"]
    steps.clear()
    disk.replace(KEY, b"other")
    assert steps == ["file", "link", "folder"]
    other.close()


WRITER = """
import sys
from pathlib import Path
from mediabridge.sidecar.storage.disk import LocalDisk
disk = LocalDisk(Path(sys.argv[1]))
disk.new_path().write_bytes(b"half")
print("written", flush=True)
sys.stdin.read()
"""


def test_files_of_dead_processes_are_swept_those_of_living_ones_stay(
    tmp_path: Path, until: Callable[..., object]
) -> None:
    root = tmp_path / "files"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "sidecar")}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        beside = LocalDisk(root)
        assert beside.sweep() == 0
        assert len(unfinished(root)) == 1
        writer.kill()
    after = LocalDisk(root)
    assert after.sweep() == 1
    assert unfinished(root) == []
    after.close()
    beside.close()


def test_derived_files_lie_where_the_contract_says(tmp_path: Path) -> None:
    derived = Derived(tmp_path)
    assert derived.sweep() == 0
    assert derived.find(HASH, "preview.webp") is None
    made = derived.new_path()
    made.write_bytes(b"RIFF")
    assert derived.put(HASH, "preview.webp", made)
    made.unlink()
    assert not derived.put(HASH, "preview.webp", b"again")
    derived.replace(HASH, "metadata.json", b"{}")
    derived.replace(HASH, "metadata.json", b'{"a":1}')
    assert derived.find(HASH, "preview.webp") == tmp_path / HASH / "preview.webp"
    with derived.open(HASH, "preview.webp") as file:
        assert file.read() == b"RIFF"
    assert (tmp_path / HASH / "metadata.json").read_bytes() == b'{"a":1}'
    assert derived.names(HASH) == ["metadata.json", "preview.webp"]
    assert derived.delete(HASH, "preview.webp")
    derived.close()
    assert sorted(path.name for path in (tmp_path / INCOMING).iterdir()) == [".lock"]
