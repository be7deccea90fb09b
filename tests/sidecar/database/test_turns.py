"""Turns at writing: one at a time, over threads and processes; nobody is shut out by one who is always there."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.turns import Turns
from mediabridge.sidecar.faults import StorageUnavailable

HOLDER = """
import sys
from pathlib import Path
from mediabridge.sidecar.database.turns import Turns
with Turns(Path(sys.argv[1]), 10).turn():
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []
    most = 0

    def work(turns: Turns) -> None:
        nonlocal most
        for _ in range(20):
            with turns.turn():
                inside.append(1)
                most = max(most, len(inside))
                inside.pop()

    two = [Turns(tmp_path / "turn", 10), Turns(tmp_path / "turn", 10)]  # as two processes have them
    threads = [threading.Thread(target=work, args=(two[number % 2],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    for turns in two:
        turns.close()
        turns.close()


def test_a_turn_ends_with_its_process_and_is_not_waited_for_without_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "turn")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    looks: list[float] = []
    turns = Turns(tmp_path / "turn", 0.05, lambda seconds: (looks.append(seconds), time.sleep(seconds))[1])
    with turns.turn():  # SQLite's own lock is still there
        assert len(looks) >= 1
    holder.kill()
    holder.communicate(timeout=10)
    looks.clear()
    with turns.turn():
        assert looks == []
    turns.close()


def test_who_was_long_makes_room(tmp_path: Path) -> None:
    rests: list[float] = []
    turns = Turns(tmp_path / "turn", 1, rests.append)
    with turns.turn():
        pass
    assert rests == []
    with turns.turn():
        time.sleep(0.02)
    assert len(rests) == 1
    turns.close()


def test_a_closed_database_writes_no_more(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/library.db")
    database.close()
    with pytest.raises(StorageUnavailable):
        database.write(lambda _: None)
    database.close()
