"""What the doctor says of tools, folders and databases: real programs, files and sockets."""

from __future__ import annotations

import os
import socket
import sqlite3
from pathlib import Path

import pytest

from mediabridge.config import Settings, load
from mediabridge.host import checks, doctor
from mediabridge.host.checks.folders import file_system, folders, place_of

MOUNTS = r"""22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
36 22 0:30 / /srv/share rw shared:2 - nfs4 server:/export rw
37 36 254:2 / /srv/share/local\040disk rw - xfs /dev/vdb rw
nonsense
"""


def settings(**variables: str) -> Settings:
    return load(variables)[0]


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_ffmpeg_needs_the_ffprobe_beside_it(tmp_path: Path) -> None:
    path = program(tmp_path, "ffmpeg", "echo 'ffmpeg version n7.1-2 Copyright'")
    lonely = checks.ffmpeg(settings(FFMPEG_PATH=str(path)))
    assert (lonely.ok, lonely.needed) == (False, False)
    assert "no ffprobe" in lonely.found
    program(tmp_path, "ffprobe", "true")
    assert checks.ffmpeg(settings(FFMPEG_PATH=str(path))).found == f"{path} (n7.1-2)"


def test_tesseract_tells_its_languages(tmp_path: Path) -> None:
    listing = "echo 'tesseract 5.3.0'; [ $1 = --list-langs ] && printf '%s\\n' $LANGUAGES; true"
    reads = program(tmp_path, "reads", f"LANGUAGES='deu eng'; {listing}")
    assert checks.tesseract(settings(TESSERACT_PATH=str(reads))).found == f"{reads} (5.3.0); languages: deu, eng"
    mute = checks.tesseract(settings(TESSERACT_PATH=str(program(tmp_path, "mute", f"LANGUAGES=; {listing}"))))
    assert not mute.ok
    assert "tesseract-ocr-eng" in mute.mend


@pytest.mark.parametrize("name", ["exiftool", "ffmpeg", "tesseract"])
def test_a_tool_that_does_not_run_is_told_with_what_it_costs(tmp_path: Path, name: str) -> None:
    broken = program(tmp_path, name, "exit 3")
    for path, words in ((broken, "does not run"), (tmp_path / "none", "does not run")):
        check = getattr(checks, name)(settings(**{f"{name.upper()}_PATH": str(path)}))
        assert (check.ok, check.needed) == (False, False)
        assert words in check.found
        assert "without it" in check.found
        assert "apt-get install" in check.mend


def test_folders_that_are_there_or_can_be_made(tmp_path: Path) -> None:
    found = checks.folders(
        settings(FILE_STORAGE_PATH=str(tmp_path / "a" / "b"), CACHE_PATH=str(tmp_path), INSTANCE_PATH=str(tmp_path))
    )
    assert [check.ok for check in found] == [True] * 3
    assert "will be made" in found[0].found
    assert not (tmp_path / "a").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    paths = [str(tmp_path / "file")]
    if os.geteuid() != 0:  # root may write everywhere
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        paths.append(str(locked))
    for path in paths:
        check = checks.folders(settings(FILE_STORAGE_PATH=path))[0]
        assert (check.ok, check.needed) == (False, False)
        assert "FILE_STORAGE_PATH" in check.mend


def test_originals_and_what_is_made_from_them_do_not_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for other in (tmp_path, tmp_path / "link"):
        originals, derived, _ = checks.folders(settings(FILE_STORAGE_PATH=str(tmp_path), CACHE_PATH=str(other)))
        assert (originals.ok, derived.ok, derived.needed) == (True, False, False)
        assert "CACHE_PATH" in derived.mend


def test_the_default_is_that_of_the_sidecar(monkeypatch: pytest.MonkeyPatch) -> None:
    from mediabridge.sidecar.cache.place import default_folder
    from mediabridge.sidecar.jobs.place import folder_of as jobs
    from mediabridge.sidecar.storage.place import folder_of as files

    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert [place_of(None, name) for name in ("files", "cache", "instance")] == [
        files(None),
        default_folder(),
        jobs(None),
    ]
    assert place_of("~/x", "files") == files("~/x")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv", "ext4"), ("/srv/share/a", "nfs4"), ("/srv/share/local disk/a", "xfs"), ("/srv/shared", "ext4")],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind


def test_databases_on_a_network_are_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 22 0:30 / {tmp_path} rw - nfs4 server:/export rw\n")
    here, cache = str(tmp_path), str(tmp_path / "cache")
    *others, databases = folders(settings(FILE_STORAGE_PATH=here, CACHE_PATH=cache, INSTANCE_PATH=here), mounts)
    assert all(check.ok for check in others)
    assert not databases.ok
    assert "nfs4" in databases.found


def base(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE jobs (word TEXT)")
    connection.executemany("INSERT INTO jobs VALUES (?)", [(str(number) * 50,) for number in range(2000)])
    connection.commit()
    return connection


def test_a_database_is_looked_at_while_somebody_writes(tmp_path: Path) -> None:
    writer = base(tmp_path / "jobs.db")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO jobs VALUES ('x')")
    check = checks.queue(settings(INSTANCE_PATH=str(tmp_path)))
    assert check.ok
    writer.commit()
    writer.close()


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    base(path).close()
    content = bytearray(path.read_bytes())
    content[8192:12288] = os.urandom(4096)
    path.write_bytes(content)
    check = checks.queue(settings(INSTANCE_PATH=str(tmp_path)))
    assert not check.ok
    assert "is damaged" in check.found
    path.write_bytes(b"no database at all" * 100)
    check = checks.queue(settings(INSTANCE_PATH=str(tmp_path)))
    assert not check.ok
    assert "cannot be opened" in check.found


def test_the_librarys_database(tmp_path: Path) -> None:
    assert checks.database(settings(INSTANCE_PATH=str(tmp_path))).ok
    base(tmp_path / "own.db").close()
    own = checks.database(settings(DATABASE_URL=f"sqlite:///{tmp_path / 'own.db'}"))
    assert own.found.startswith(f"{tmp_path / 'own.db'} (")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"postgresql://user:secret@127.0.0.1:{port}/library"
        there = checks.database(settings(DATABASE_URL=url))
        assert (there.ok, "secret" in there.found, str(port) in there.found) == (True, False, True)
    gone = checks.database(settings(DATABASE_URL=url))
    assert (gone.ok, gone.needed, "secret" in gone.found) == (False, False, False)


def test_databases_that_cannot_be_made_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for look in (checks.queue, checks.database):
        check = look(settings(INSTANCE_PATH=str(tmp_path / "file")))
        assert (check.ok, check.needed) == (False, False)
        assert "cannot be made" in check.found
        assert "INSTANCE_PATH" in check.mend


def test_the_doctor_looks_at_all(tmp_path: Path) -> None:
    names = [check.name for check in doctor.examine(settings(PORT="0", FLASK_PORT="0", INSTANCE_PATH=str(tmp_path)))]
    assert names == [
        "Python", "ExifTool", "FFmpeg", "Tesseract", "host port", "sidecar port", "scratch", "originals",
        "derived files", "databases", "queue", "database",
    ]  # fmt: skip
