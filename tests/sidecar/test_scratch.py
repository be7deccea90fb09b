"""Temporary files: hashed on the way, removed whatever happens, swept after a crash."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.faults import PayloadTooLarge, StorageFull
from mediabridge.sidecar.storage.scratch import Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "base")
    yield made
    made.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.binary(max_size=100), max_size=10))
def test_size_and_hash_are_those_of_the_bytes(scratch: Scratch, chunks: list[bytes]) -> None:
    with scratch.room() as room:
        file = room.new_file("a.jpg", 10_000)
        for chunk in chunks:
            assert file.write(chunk) == len(chunk)
        whole = b"".join(chunks)
        assert (file.size, file.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
        assert file.path.read_bytes() == whole


def test_a_file_has_a_name_of_ours_and_the_clients_extension(scratch: Scratch) -> None:
    with scratch.room() as room:
        path = room.new_file("../../etc/pass wd.JPG", 10).path
    assert path.parent == scratch.folder
    assert path.suffix == ".jpg"
    assert "pass" not in path.name


def test_the_room_is_empty_afterwards_whatever_happened(scratch: Scratch) -> None:
    def fail() -> None:
        with scratch.room() as room:
            room.new_file("a", 10).write(b"x")
            room.new_file("b", 10).close()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [file.name for file in scratch.folder.iterdir()] == [".lock"]


def test_the_first_byte_over_the_limit_is_refused_and_the_limit_named(scratch: Scratch) -> None:
    with scratch.room() as room:
        file = room.new_file("a", 1024 * 1024)
        file.write(bytes(1024 * 1024))
        with pytest.raises(PayloadTooLarge, match=r"1 MB \(1048576 bytes\)"):
            file.write(b"x")


def test_a_full_disk_is_said_so(scratch: Scratch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with scratch.room() as room:
        file = room.new_file("a", 10)
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, file.fileno())
        os.close(full)
        with pytest.raises(StorageFull, match="no room"):
            file.write(b"x")


def test_the_folder_is_private_and_goes_at_the_end(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "base")
    assert (tmp_path / "base").stat().st_mode & 0o077 == 0
    assert scratch.folder.stat().st_mode & 0o077 == 0
    scratch.close()
    assert not scratch.folder.exists()


def test_a_base_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    shared = tmp_path / "base"
    shared.mkdir()
    shared.chmod(0o777)
    scratch = Scratch(shared)
    assert scratch.folder.parent != shared
    scratch.close()


def test_a_base_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "base").symlink_to(tmp_path / "elsewhere")
    scratch = Scratch(tmp_path / "base")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    scratch.close()


def test_the_folder_of_a_process_that_lives_is_left_alone(scratch: Scratch, tmp_path: Path) -> None:
    other = Scratch(tmp_path / "base")
    assert other.swept == 0
    assert scratch.folder.is_dir()
    other.close()


def test_the_folder_of_a_process_that_died_is_swept(tmp_path: Path) -> None:
    code = (
        "import os, pathlib; from mediabridge.sidecar.storage.scratch import Scratch\n"
        f"s = Scratch(pathlib.Path({str(tmp_path / 'base')!r})); s.room().new_file('a.jpg', 9).write(b'x'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert len(list((tmp_path / "base").glob("sidecar-*/*.jpg"))) == 1
    scratch = Scratch(tmp_path / "base")
    assert scratch.swept == 1
    assert list((tmp_path / "base").glob("sidecar-*")) == [scratch.folder]
    scratch.close()
