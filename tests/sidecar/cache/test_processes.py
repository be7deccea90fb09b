"""Several processes on one cache: computed once, nobody blocked by the dead, whole after kill -9, never too large."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mediabridge.sidecar.cache import Limits, ResultCache
from mediabridge.sidecar.cache.codec import Key

MIB = 1024 * 1024
Spawn = Callable[..., subprocess.Popen[str]]


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def ready(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        found = line(process)
        assert found == "ready", process.communicate()[1]


def files(folder: Path) -> list[Path]:
    return sorted((folder / "results").glob("results-*.db"))


def sound(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def on_disk(folder: Path) -> int:
    total = 0
    for path in (folder / "results").glob("results-*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def test_processes_that_ask_at_the_same_time_compute_once(spawn: Spawn, tmp_path: Path) -> None:
    log = tmp_path / "log"
    processes = [spawn("once", tmp_path, "word", log, 0.3) for _ in range(4)]
    ready(*processes)
    for process in processes:
        go(process)
    answers = [line(process).split() for process in processes]
    computed = log.read_text().split()
    assert len(computed) == 1
    assert {by for by, _ in answers} == set(computed)
    assert sorted(cached for _, cached in answers) == ["False", "True", "True", "True"]


def test_different_contents_do_not_wait_for_each_other(spawn: Spawn, tmp_path: Path) -> None:
    log = tmp_path / "log"
    slow, quick = spawn("once", tmp_path, "slow", log, 600), spawn("once", tmp_path, "quick", log, 0)
    ready(slow, quick)
    go(slow)
    go(quick)
    assert line(quick).split() == [str(quick.pid), "False"]
    assert slow.poll() is None


def test_a_process_that_dies_while_it_computes_blocks_nobody(
    spawn: Spawn, tmp_path: Path, until: Callable[..., Any]
) -> None:
    log = tmp_path / "log"
    first, second = spawn("once", tmp_path, "word", log, 600), spawn("once", tmp_path, "word", log, 0)
    ready(first, second)
    go(first)
    until(lambda: log.exists() and log.read_text())
    go(second)
    first.send_signal(signal.SIGKILL)
    assert line(second).split() == [str(second.pid), "False"]
    assert log.read_text().split() == [str(first.pid), str(second.pid)]
    assert list((tmp_path / "results" / "flights").iterdir()) == []


def test_lock_files_of_dead_processes_are_removed(
    spawn: Spawn, tmp_path: Path, until: Callable[..., Any], key: Callable[[object], Key]
) -> None:
    log = tmp_path / "log"
    process = spawn("once", tmp_path, "word", log, 600)
    ready(process)
    go(process)
    until(lambda: log.exists() and log.read_text())
    process.kill()
    process.wait(10)
    assert len(list((tmp_path / "results" / "flights").iterdir())) == 1
    ResultCache(Limits(), tmp_path).get_or_compute(key("another"), dict)
    assert list((tmp_path / "results" / "flights").iterdir()) == []


def test_killed_in_the_middle_of_a_put_the_cache_stays_whole_and_useful(
    spawn: Spawn, tmp_path: Path, key: Callable[[object], Key]
) -> None:
    rng = random.Random(5)
    kept: list[str] = []
    for seed in range(8):
        process = spawn("fill", tmp_path, 4, seed, 100_000)
        ready(process)
        kept += [line(process) for _ in range(rng.randrange(1, 60))]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        (path,) = files(tmp_path)
        assert sound(path)
    cache = ResultCache(Limits(0, 4), tmp_path)
    found = cache.get(key(kept[-1]))
    assert found is not None
    assert found["word"] == kept[-1]
    cache.put(key("new"), {"a": 1})
    assert cache.get(key("new")) == {"a": 1}
    cache.close()


def test_many_writers_keep_the_files_below_the_limit_at_every_moment(spawn: Spawn, tmp_path: Path) -> None:
    processes = [spawn("fill", tmp_path, 2, seed, 400) for seed in range(3)]
    ready(*processes)
    largest = 0
    for _ in range(400):
        for process in processes:
            assert line(process)
        largest = max(largest, on_disk(tmp_path))
    for process in processes:
        assert process.wait(20) == 0, process.communicate()[1]
    assert MIB < largest < 2 * MIB  # it was full, and never too full
    assert all(sound(path) for path in files(tmp_path))


def test_a_reader_that_never_ends_cannot_make_the_log_grow(spawn: Spawn, tmp_path: Path) -> None:
    """A read transaction keeps SQLite from emptying its log; entries are left out then, and kept again afterwards."""
    cache = ResultCache(Limits(0, 1), tmp_path)
    cache.put(b"k" * 32, {"a": 1})
    (path,) = files(tmp_path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM entries").fetchall()
        process = spawn("fill", tmp_path, 1, 1, 60)
        ready(process)
        while line(process):
            assert on_disk(tmp_path) < MIB
        assert process.wait(60) == 0
        reader.execute("COMMIT")
    cache.put(b"l" * 32, {"a": 2})
    assert cache.get(b"l" * 32) == {"a": 2}
    cache.close()


def test_a_broken_file_is_replaced_once_for_all_processes(
    spawn: Spawn, tmp_path: Path, key: Callable[[object], Key]
) -> None:
    cache = ResultCache(Limits(0, 10), tmp_path)
    for count in range(200):
        cache.put(key(count), {"count": count, "body": random.Random(count).randbytes(2000).hex()})
    cache.close()
    processes = [spawn("read", tmp_path, "7") for _ in range(3)]
    for process in processes:
        go(process)
        assert line(process) == "found 0"
    (path,) = files(tmp_path)
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))
    for process in processes:  # what each has in its own page cache may still be right
        go(process)
        assert line(process).split()[0] in {"found", "missing"}
    repaired = ResultCache(Limits(0, 10), tmp_path)
    repaired.put(key(7), {"count": 7})
    assert repaired.get(key(7)) == {"count": 7}
    for process in processes:
        go(process)
        assert line(process).split()[0] == "found"
    (fresh,) = files(tmp_path)
    assert fresh != path
    assert sound(fresh)
    repaired.close()


def test_a_disk_that_takes_no_more_turns_the_disk_off_and_memory_goes_on(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn("cramped", tmp_path, 40_000)
    output, errors = process.communicate(timeout=20)
    assert output.split() == ["False", "1", "True"]
    assert process.returncode == 0
    assert errors.count("does without its disk") == 1
