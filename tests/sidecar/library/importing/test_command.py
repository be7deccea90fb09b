"""`mediabridge library import`, `duplicates`, `timeline` as processes of their own, on the database of the server."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
PATHS = os.pathsep.join([str(ROOT / "sidecar"), str(ROOT / "config")])
COMMAND = [sys.executable, "-P", "-m", "mediabridge.sidecar.library.cli"]
Photo = Callable[..., bytes]


@pytest.fixture
def env(tmp_path: Path, exiftool: Path) -> dict[str, str]:
    places = {"INSTANCE_PATH": "instance", "FILE_STORAGE_PATH": "store", "CACHE_PATH": "cache"}
    own = {name: str(tmp_path / folder) for name, folder in places.items()}
    return {**os.environ, **own, "EXTRACT_PROCESSES": "1", "EXIFTOOL_PATH": str(exiftool), "PYTHONPATH": PATHS}


def run(env: dict[str, str], *words: str, code: int = 0, **more: Any) -> tuple[str, str]:
    done = subprocess.run([*COMMAND, *words], env=env, capture_output=True, text=True, timeout=60, check=False, **more)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


def test_import_then_look_at_it(tmp_path: Path, env: dict[str, str], photo: Photo) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").write_bytes(photo(1))
    (tmp_path / "two/bad\n.jpg").write_bytes(b"")
    out, err = run(env, "import", str(tmp_path / "one"), "two", code=1, cwd=tmp_path)
    assert "one: 1 of 1 files are in the library, 0 failed" in out
    assert "two: 1 of 2 files are in the library, 1 failed; 1 groups" in out
    assert "reading: 1 files" in err
    assert "bad\\n.jpg: It is empty (0 bytes)." in err

    group = json.loads(run(env, "duplicates", "--json")[0])
    assert [Path(one["path"]).parent.name for one in group["files"]] == ["one", "two"]
    assert {one["kind"] for one in group["files"]} == {"exact"}
    assert "2024-01         2" in run(env, "timeline")[0]


def test_the_outcome_as_json_has_all_errors(tmp_path: Path, env: dict[str, str], photo: Photo) -> None:
    (tmp_path / "a.jpg").write_bytes(photo(1))
    (tmp_path / "b.jpg").write_bytes(b"")
    out, _ = run(env, "import", "--json", str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"), code=1)
    first, second = json.loads(out)
    assert (first["done"], first["errors"]) == (1, [])
    assert [(one["path"], one["kind"]) for one in second["errors"]] == [(str(tmp_path / "b.jpg"), "invalid_request")]


def test_ctrl_c_and_kill_leave_what_the_next_command_goes_on_with(
    tmp_path: Path, env: dict[str, str], photo: Photo, until: Callable[..., Any]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(90):
        (photos / f"{number}.jpg").write_bytes(photo(number, width=32, height=24))
    database = tmp_path / "instance/library.db"

    def ask(question: str) -> int:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            try:
                return int(connection.execute(question).fetchone()[0])
            except sqlite3.OperationalError:  # not made yet
                return 0

    moments = (
        (signal.SIGINT, "SELECT count(*) FROM files WHERE state = 'done'"),
        (signal.SIGKILL, "SELECT count(*) FROM jobs WHERE status = 'running' AND stage IS NOT NULL"),
    )
    ends = []
    for number, question in moments:
        with subprocess.Popen([*COMMAND, "import", str(photos)], env=env, stderr=subprocess.PIPE, text=True) as process:
            try:
                until(lambda question=question: database.exists() and ask(question), 30)
            finally:
                process.send_signal(number)
            ends.append((process.communicate(timeout=30)[1], process.returncode))
    assert "Give the same command again to go on." in ends[0][0]
    assert [code for _, code in ends] == [130, -signal.SIGKILL]
    out, _ = run(env, "import", "--json", str(photos))
    assert json.loads(out)[0]["done"] == 90
    with contextlib.closing(sqlite3.connect(database)) as connection:
        states = connection.execute("SELECT state, count(*), sum(length(perceptual) = 145) FROM files GROUP BY 1")
        assert states.fetchall() == [("done", 90, 90)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = connection.execute("SELECT status FROM jobs ORDER BY id").fetchall()
    assert found == [("cancelled",), ("failed",), ("completed",)]


def test_two_at_once_are_one_too_many(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "instance").mkdir()
    with (tmp_path / "instance/import.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "is running" in run(env, "import", str(tmp_path / "instance"), code=1)[1]


def test_a_terminal_has_a_bar(tmp_path: Path, env: dict[str, str], photo: Photo) -> None:
    (tmp_path / "a.jpg").write_bytes(photo(1))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "import", str(tmp_path / "a.jpg")], env=env, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(30) == 0
    assert b"making pictures" in shown
    assert b"1/1" in shown
