"""Recycling: a worn-out ExifTool is replaced between two files, and nobody waits for it or loses anything."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from mediabridge.sidecar.extraction.cores import processes, usable_cores
from mediabridge.sidecar.extraction.engine import Engine, Process, Wear
from mediabridge.sidecar.extraction.exiftool import ExifToolProcess, ProcessUnusableError, Reply
from mediabridge.sidecar.faults import EngineClosed, EngineDied

Until = Callable[..., Any]
MIB = 1024 * 1024


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def served_by(engine: Engine, path: str = "/x/good.gif") -> int:
    return int(json.loads(engine.run("-j", path, timeout_s=30).stdout)[0]["Pid:Pid"])


@pytest.fixture
def build(stand_in: Path) -> Iterator[Callable[..., Engine]]:
    engines = []

    def start(processes: int = 1, make: Callable[[], Process] | None = None, **wear: int) -> Engine:
        engines.append(Engine(make or (lambda: ExifToolProcess(stand_in)), processes=processes, wear=Wear(**wear)))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close(0.2)


def test_recycling_under_load_loses_no_request_and_leaves_no_process(build: Any, until: Until) -> None:
    before = children()
    engine = build(2, files=5)
    engine.start()
    served: list[int] = []
    with ThreadPoolExecutor(6) as pool:

        def go_on() -> bool:
            served.extend(pool.map(lambda number: served_by(engine, f"/x/{number}.gif"), range(60)))
            return engine.stats().recycled >= 3

        until(go_on, 30)
    assert len(set(served)) >= 4
    until(lambda: len(children() - before) == 2)
    stats = engine.stats()
    assert (stats.completed, stats.failed, stats.restarts, stats.size) == (len(served), 0, 0, 2)
    engine.close(0.2)
    until(lambda: children() == before)


def test_the_old_one_works_until_the_next_one_is_ready(build: Any, stand_in: Path, until: Until) -> None:
    may_start = threading.Event()
    made = []

    class Late(ExifToolProcess):
        def run(self) -> None:
            made.append(self)
            if len(made) > 1:
                may_start.wait(20)
            super().run()

    engine = build(make=lambda: Late(stand_in), files=2)
    first = {served_by(engine) for _ in range(2)}
    until(lambda: len(made) == 2)
    assert {served_by(engine) for _ in range(5)} == first
    may_start.set()
    until(lambda: engine.stats().recycled == 1)
    assert served_by(engine) not in first
    until(lambda: not psutil.pid_exists(next(iter(first))))


def test_a_process_in_the_middle_of_a_file_ends_after_it(build: Any, stand_in: Path, until: Until) -> None:
    may_start = threading.Event()
    made = []

    class Late(ExifToolProcess):
        def run(self) -> None:
            made.append(self)
            if len(made) > 1:
                may_start.wait(20)
            super().run()

    engine = build(make=lambda: Late(stand_in), files=1)
    first = served_by(engine)
    until(lambda: len(made) == 2)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(served_by, engine, "/x/a.slow")
        until(lambda: engine.stats().busy == 1)
        may_start.set()
        until(lambda: engine.stats().recycled == 1)
        assert not slow.done()  # its successor is there, and it still reads
        assert served_by(engine) != first
        assert slow.result(20) == first
    until(lambda: not psutil.pid_exists(first))


def test_memory_wears_out_too(build: Any, until: Until) -> None:
    engine = build(rss_bytes=1)
    first = served_by(engine)
    for _ in range(8):
        served_by(engine)
    until(lambda: engine.stats().recycled == 1)
    assert served_by(engine) != first


def test_without_limits_nothing_is_recycled() -> None:
    assert Wear().reason(10**9, os.getpid()) is None
    assert Wear(files=10).reason(9, os.getpid()) is None
    assert Wear(files=10).reason(10, os.getpid()) == "10 files"
    assert Wear(rss_bytes=10**15).reason(8, os.getpid()) is None
    assert Wear(rss_bytes=1).reason(8, None) is None
    assert "MB of memory" in str(Wear(rss_bytes=MIB).reason(8, os.getpid()))


def test_a_successor_that_does_not_start_leaves_the_old_one_at_work(build: Any, stand_in: Path, until: Until) -> None:
    failed = threading.Event()
    made = []

    class Once(ExifToolProcess):
        def run(self) -> None:
            made.append(self)
            if len(made) == 2:
                failed.set()
                raise ProcessUnusableError("no")
            super().run()

    engine = build(make=lambda: Once(stand_in), files=3)
    first = [served_by(engine) for _ in range(3)]
    assert failed.wait(10)
    until(lambda: (served_by(engine) != first[0], engine.stats().recycled)[1] == 1)
    assert engine.stats().failed == 0


def test_a_lost_process_is_given_to_nobody_before_the_next_one_is_there(build: Any, stand_in: Path) -> None:
    """While one of two starts anew, requests go to the other."""
    may_start = threading.Event()
    made = []

    class Late(ExifToolProcess):
        def run(self) -> None:
            made.append(self)
            if len(made) == 3:
                may_start.wait(20)
            super().run()

    engine = build(2, make=lambda: Late(stand_in))
    with ThreadPoolExecutor(2) as pool:
        pids = set(pool.map(lambda name: served_by(engine, f"/x/{name}.slow"), "ab"))
    with pytest.raises(EngineDied):
        engine.run("-j", "/x/a.die", timeout_s=10)
    assert len({served_by(engine) for _ in range(4)} & pids) == 1
    may_start.set()


def test_kills_at_random_cost_at_most_their_own_files(build: Any, until: Until) -> None:
    engine = build(2, files=20)
    engine.start()
    until(lambda: engine.stats().alive == 2)
    lost = []

    def one(number: int) -> None:
        try:
            served_by(engine, f"/x/{number}.gif")
        except EngineDied:
            lost.append(number)

    def kill() -> None:
        for process in engine.stats().processes:
            if process.pid:
                with contextlib.suppress(ProcessLookupError):  # it was just replaced
                    os.kill(process.pid, signal.SIGKILL)

    with ThreadPoolExecutor(4) as pool:
        for number in range(80):
            pool.submit(one, number)
            if number % 27 == 26:
                kill()
    assert len(lost) <= 6
    until(lambda: engine.stats().alive == 2)
    assert engine.stats().completed == 80 - len(lost)


def test_closing_in_the_middle_of_a_recycling_leaves_nothing(build: Any, stand_in: Path, until: Until) -> None:
    before = children()
    may_start = threading.Event()
    made = []

    class Late(ExifToolProcess):
        def run(self) -> None:
            made.append(self)
            if len(made) > 1:
                may_start.wait(20)
            super().run()

    engine = build(make=lambda: Late(stand_in), files=1)
    served_by(engine)
    until(lambda: len(made) == 2)
    closing = threading.Thread(target=engine.close, args=(0.2,))
    closing.start()
    may_start.set()
    closing.join(10)
    until(lambda: children() == before)


def test_figures_of_each_process(build: Any) -> None:
    engine = build()
    pid = served_by(engine)
    found = engine.stats().as_json()
    assert found["processes"] == [
        {"pid": pid, "state": "ready", "busy": False, "files": 1, "rssBytes": found["processes"][0]["rssBytes"]}
    ]
    assert found["processes"][0]["rssBytes"] > MIB
    assert found["meanMs"] > 0


def test_one_command_may_read_many_files(build: Any) -> None:
    engine = build()
    reply: Reply = engine.run("-j", "/x/a.gif", "/x/b.gif", timeout_s=10, files=2)
    assert reply.status == 0
    assert engine.stats().completed == 2


@pytest.mark.parametrize(
    ("content", "most"),
    [("max 100000", 10**6), ("150000 100000", 2), ("50000 100000", 1), ("x", 10**6), ("1 0", 10**6)],
)
def test_a_containers_quota_counts(tmp_path: Path, content: str, most: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(content, "ascii")
    assert usable_cores(file) == min(most, len(os.sched_getaffinity(0)))
    assert processes(0, file) == min(usable_cores(file), 16)
    assert processes(7, file) == 7


def test_closing_while_a_process_starts_cuts_off_its_first_command(build: Any, stand_in: Path, until: Until) -> None:
    starting, may_go_on = threading.Event(), threading.Event()

    class Late(ExifToolProcess):
        def run(self) -> None:
            super().run()
            starting.set()
            may_go_on.wait(20)

    engine = build(make=lambda: Late(stand_in))
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(engine.run, "-j", "/x/a.hang", timeout_s=60)
        assert starting.wait(10)
        closing = threading.Thread(target=engine.close, args=(0.2,))
        closing.start()
        until(lambda: engine._slots[0]._closed)
        may_go_on.set()
        assert isinstance(task.exception(10), EngineClosed)
        closing.join(10)
    assert engine.stats().alive == 0
