"""Several processes write at once, and are killed in the middle: nothing is lost, half, double or damaged."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import fresh, server
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import Duplicate, File, FileTag, Job, JobFile

ROOT = Path(__file__).parents[3]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "sidecar"), str(ROOT / "config")])}


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Database]]:
    """A database, and its address for others."""
    database = fresh(request.param, tmp_path)
    yield f"sqlite:///{tmp_path}/library.db" if request.param == "sqlite" else server().url("library"), database
    if request.param == "sqlite":
        database.close()


def start(url: str, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).parent / "writer.py"), url, name, str(count)]
    return subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_many_write_at_once_and_none_is_turned_away(place: tuple[str, Database]) -> None:
    url, database = place
    started = [start(url, f"W{number}", 30) for number in range(3)]
    ends = [process.communicate(timeout=60) for process in started]
    assert [(process.returncode, errors) for process, (_, errors) in zip(started, ends, strict=True)] == [(0, "")] * 3
    counts = database.read(lambda session: (count(session, File), count(session, JobFile), count(session, FileTag)))
    assert counts == (90, 90, 180)
    jobs = database.read(lambda session: [(job.done, job.total, job.failed) for job in session.scalars(select(Job))])
    assert jobs == [(30, 30, 0)] * 3


def test_what_was_told_before_a_kill_is_there_and_nothing_is_half(tmp_path: Path) -> None:
    database = fresh("sqlite", tmp_path)
    chance = random.Random(5)
    told = 0
    for turn in range(4):
        process = start(f"sqlite:///{tmp_path}/library.db", "W", 0)
        assert process.stdout is not None
        for _ in range(chance.randint(1, 30)):
            told = max(told, int(process.stdout.readline()) + 1)
        process.kill()
        rest, errors = process.communicate(timeout=20)
        told = max([told, *(int(line) + 1 for line in rest.splitlines(keepends=True) if line.endswith("\n"))])
        assert errors == ""
        check(database, told, turn)
    database.close()


def check(database: Database, told: int, turn: int) -> None:
    def work(session: Session) -> None:
        assert session.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        files = list(session.scalars(select(File).order_by(File.id)))
        names = [file.name for file in files]
        # One that was committed and not told yet may be there as well.
        assert names in ([f"{number}.jpg" for number in range(told + more)] for more in (0, 1)), turn
        assert {file.state for file in files} == {"done"}
        job = session.get(Job, "W")
        assert job is not None
        assert job.done == job.total == count(session, JobFile) == len(files)
        assert count(session, FileTag) == 2 * len(files)
        grouped = {row.file_id: row.group_id for row in session.scalars(select(Duplicate))}
        assert grouped == {file.id: file.group_id for file in files if file.group_id is not None}

    database.read(work)
