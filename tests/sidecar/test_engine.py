"""The engine: queueing, deadlines, replacement. Decisions with a double, hangs and deaths with real processes."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from running import alive

from mediabridge.sidecar.extraction import health
from mediabridge.sidecar.extraction.engine import Engine, Process
from mediabridge.sidecar.extraction.exiftool import (
    ExifToolProcess,
    OutputTooLargeError,
    ProcessDiedError,
    ProcessHungError,
    ProcessUnusableError,
    Reply,
)
from mediabridge.sidecar.extraction.extract import Extractor
from mediabridge.sidecar.extraction.tools import find_exiftool
from mediabridge.sidecar.faults import (
    ClientGone,
    EngineBusy,
    EngineClosed,
    EngineDied,
    EngineUnavailable,
    ExtractionTimeout,
    UnreadableFile,
)

Until = Callable[..., Any]
OK = Reply(b"ok", b"", 0)


class Double(Process):
    """A process that plays a script: replies, or errors to raise."""

    def __init__(self, script: list[Reply | Exception], log: list[str], *, start: Exception | None = None) -> None:
        self.script, self.log, self.start = script, log, start
        self.alive = False

    running = property(lambda self: self.alive)
    version = property(lambda self: "12.57")
    pid = property(lambda self: 1)

    def run(self) -> None:
        self.log.append(f"start in {threading.current_thread().name}")
        if self.start:
            raise self.start
        self.alive = True

    def ask(self, *arguments: str | bytes, timeout_s: float) -> Reply:
        self.log.append(f"ask {arguments[0]!r} in {threading.current_thread().name}")
        step = self.script.pop(0) if self.script else OK
        if isinstance(step, Exception):
            raise step
        return step

    def kill(self) -> None:
        self.alive = False

    def terminate(self, timeout: float = 1.0) -> None:
        self.log.append("end")
        self.alive = False


@pytest.fixture
def played() -> Iterator[Callable[..., tuple[Engine, list[str]]]]:
    """An engine whose processes play the given scripts, one after the other."""
    engines = []

    def build(*scripts: list[Reply | Exception]) -> tuple[Engine, list[str]]:
        log: list[str] = []
        left = [Double(script, log) for script in scripts]
        engine = Engine(lambda: left.pop(0) if left else Double([], log))
        engines.append(engine)
        return engine, log

    yield build
    for engine in engines:
        engine.close(0)


def test_one_thread_starts_the_process_and_runs_all_its_commands(played: Any) -> None:
    engine, log = played([])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: engine.run(str(number), timeout_s=1), range(8)))
    assert len(log) == 9
    assert len({entry.rpartition(" in ")[2] for entry in log}) == 1


def test_a_process_found_dead_costs_a_second_try_and_no_error(played: Any) -> None:
    engine, log = played([ProcessDiedError("x", sent=False)], [OK])
    assert engine.run("a", timeout_s=1) == OK
    assert [entry.split()[0] for entry in log] == ["start", "ask", "end", "start", "ask"]
    assert engine.stats().restarts == 1


def test_a_second_process_found_dead_is_an_error(played: Any) -> None:
    engine, _ = played([ProcessDiedError("x", sent=False)], [ProcessDiedError("y", sent=False)])
    with pytest.raises(EngineDied):
        engine.run("a", timeout_s=1)


@pytest.mark.parametrize(
    ("problem", "fault"),
    [
        (ProcessDiedError("killed by SIGSEGV", sent=True), EngineDied),
        (ProcessHungError("x"), ExtractionTimeout),
        (OutputTooLargeError("x"), UnreadableFile),
        (ProcessUnusableError("x"), EngineUnavailable),
        (MemoryError(), MemoryError),
    ],
)
def test_a_lost_process_costs_its_own_request_only(
    played: Any, until: Until, problem: Exception, fault: type[Exception]
) -> None:
    engine, log = played([problem])
    with pytest.raises(fault):
        engine.run("bad", timeout_s=1)
    assert engine.run("good", timeout_s=1) == OK
    assert log.count("end") == 1
    assert not any("bad" in entry for entry in log[2:])


def test_after_a_death_the_next_process_starts_before_the_next_request(played: Any, until: Until) -> None:
    engine, log = played([ProcessHungError("x")])
    with pytest.raises(ExtractionTimeout, match="1 s"):
        engine.run("bad", timeout_s=1)
    until(lambda: sum(entry.startswith("start") for entry in log) == 2)
    until(lambda: engine.state == "ready")


def test_a_missing_tool_is_an_error_of_each_request_until_it_is_there(stand_in: Path, tmp_path: Path) -> None:
    engine = Engine(lambda: ExifToolProcess(find_exiftool(None, str(tmp_path))))
    with pytest.raises(EngineUnavailable, match="not found"):
        engine.run("-ver", timeout_s=5)
    assert engine.state == "missing"
    (tmp_path / "exiftool").symlink_to(stand_in)
    assert engine.run("-ver", timeout_s=5).stdout == b"13.50\n"
    assert (engine.state, engine.version) == ("ready", "13.50")
    engine.close()


def test_a_tool_that_does_not_start_is_down() -> None:
    engine = Engine(lambda: Double([], [], start=ProcessUnusableError("it is broken")))
    with pytest.raises(EngineUnavailable, match="it is broken"):
        engine.run("a", timeout_s=1)
    assert engine.state == "down"
    engine.close()


@pytest.fixture
def stubborn(stand_in: Path) -> Iterator[Engine]:
    """An engine of one real process that misbehaves by the file's extension."""
    engine = Engine(lambda: ExifToolProcess(stand_in, output_limit=1024 * 1024))
    engine.start()
    yield engine
    engine.close(0)


def served_by(engine: Engine) -> int:
    found = json.loads(engine.run("-j", "/x/good.gif", timeout_s=10).stdout)[0]["Pid:Pid"]
    assert isinstance(found, int)
    return found


def test_a_file_that_hangs_is_cut_off_and_its_process_replaced(stubborn: Engine, until: Until) -> None:
    before = served_by(stubborn)
    start = time.monotonic()
    with pytest.raises(ExtractionTimeout):
        stubborn.run("-j", "/x/a.hang", timeout_s=0.5)
    assert time.monotonic() - start < 3
    assert served_by(stubborn) != before
    until(lambda: not psutil.pid_exists(before))


def test_a_file_that_kills_its_process_is_told_so(stubborn: Engine) -> None:
    before = served_by(stubborn)
    with pytest.raises(EngineDied, match="killed by SIGKILL"):
        stubborn.run("-j", "/x/a.die", timeout_s=10)
    assert served_by(stubborn) != before


def test_a_process_killed_between_two_files_is_not_noticed_by_the_client(stubborn: Engine, until: Until) -> None:
    tool = served_by(stubborn)
    os.kill(tool, signal.SIGKILL)
    until(lambda: not alive({tool}))  # a zombie, or put away already
    assert served_by(stubborn) != tool


def test_a_client_that_leaves_ends_its_extraction(stubborn: Engine) -> None:
    before = served_by(stubborn)
    left = threading.Event()
    threading.Timer(0.3, left.set).start()
    start = time.monotonic()
    with pytest.raises(ClientGone):
        stubborn.run("-j", "/x/a.hang", timeout_s=60, gone=left.is_set)
    assert served_by(stubborn) != before
    assert time.monotonic() - start < 5


def in_background(engine: Engine, path: str, caught: list[BaseException] | None = None) -> threading.Thread:
    def run() -> None:
        try:
            engine.run("-j", path, timeout_s=60)
        except (EngineClosed, EngineDied) as problem:
            if caught is not None:
                caught.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_request_in_the_queue_leaves_with_its_client(stubborn: Engine, until: Until) -> None:
    thread = in_background(stubborn, "/x/a.hang")
    until(lambda: stubborn.stats().busy == 1)
    with pytest.raises(ClientGone):
        stubborn.run("-j", "/x/b.gif", timeout_s=60, gone=lambda: True)
    assert stubborn.stats().queued == 0
    stubborn.close(0)
    thread.join(10)


def test_waiting_has_an_end_where_the_caller_wants_one(stubborn: Engine, until: Until) -> None:
    thread = in_background(stubborn, "/x/a.hang")
    until(lambda: stubborn.stats().busy == 1)
    with pytest.raises(EngineBusy):
        stubborn.run("-j", "/x/b.gif", timeout_s=60, patience_s=0.3)
    stubborn.close(0)
    thread.join(10)


def test_closing_cuts_off_what_runs_and_what_waits(stubborn: Engine, until: Until) -> None:
    caught: list[BaseException] = []
    threads = [in_background(stubborn, f"/x/{name}.hang", caught) for name in "ab"]
    until(lambda: stubborn.stats().busy == 1 and stubborn.stats().queued == 1)
    start = time.monotonic()
    stubborn.close(0.2)
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - start < 3
    assert [type(problem) for problem in caught] == [EngineClosed, EngineClosed]
    with pytest.raises(EngineClosed):
        stubborn.run("-ver", timeout_s=1)


def test_the_figures_tell_what_happened(stubborn: Engine) -> None:
    served_by(stubborn)
    with pytest.raises(EngineDied):
        stubborn.run("-j", "/x/a.die", timeout_s=10)
    served_by(stubborn)
    stats = stubborn.stats()
    assert (stats.size, stats.alive, stats.busy, stats.queued) == (1, 1, 0, 0)
    assert (stats.completed, stats.failed, stats.restarts) == (2, 1, 1)


def test_two_processes_work_at_once(stand_in: Path) -> None:
    engine = Engine(lambda: ExifToolProcess(stand_in), processes=2)
    start = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: engine.run("-j", f"/x/{name}.slow", timeout_s=10), "ab"))
    assert time.monotonic() - start < 2.8  # each takes 1.5 s
    assert engine.stats().alive == 2
    engine.close()


def test_many_threads_get_their_own_answers(exiftool: Path, tmp_path: Path, make_jpeg: Callable[..., bytes]) -> None:
    engine = Engine(lambda: ExifToolProcess(exiftool), processes=2)
    for number in range(24):
        (tmp_path / f"{number}.jpg").write_bytes(make_jpeg(f"Maker{number}"))

    def make(number: int) -> str:
        reply = engine.run("-j", "-Make", str(tmp_path / f"{number}.jpg"), timeout_s=30)
        return str(json.loads(reply.stdout)[0]["Make"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make, range(24))) == [f"Maker{number}" for number in range(24)]
    engine.close()


def test_a_process_outlives_the_thread_that_asked_for_it(stubborn: Engine, until: Until) -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(served_by(stubborn)))
    thread.start()
    thread.join(10)
    deadline = time.monotonic() + 0.6  # PR_SET_PDEATHSIG would have killed it by then (DESIGN §3.11)
    until(lambda: time.monotonic() > deadline or not psutil.pid_exists(found[0]))
    assert served_by(stubborn) == found[0]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.gif"
    path.write_bytes(health.SAMPLE)
    return path


def test_health_is_ok_after_a_real_extraction(exiftool: Path, sample: Path) -> None:
    engine = Engine(lambda: ExifToolProcess(exiftool))
    assert health.check(engine, sample, 10) == health.Health("ok")
    assert engine.stats().completed == 1
    engine.close()


def test_a_busy_engine_is_degraded_and_not_down(stubborn: Engine, sample: Path, until: Until) -> None:
    served_by(stubborn)
    thread = in_background(stubborn, "/x/a.hang")
    until(lambda: stubborn.stats().busy == 1)
    found = health.check(stubborn, sample, 2)
    assert found.status == "degraded"
    assert "busy" in str(found.reason)
    stubborn.close(0)
    thread.join(10)


def test_a_stopped_process_is_down_in_time_and_well_again_afterwards(exiftool: Path, sample: Path) -> None:
    before = set(psutil.Process().children())  # other tests' that live as long as the session
    engine = Engine(lambda: ExifToolProcess(exiftool))
    engine.run("-ver", timeout_s=10)
    (child,) = [one for one in psutil.Process().children() if one not in before and "-stay_open" in one.cmdline()]
    child.suspend()
    start = time.monotonic()
    assert health.check(engine, sample, 2).status == "down"
    assert time.monotonic() - start < 2
    assert health.check(engine, sample, 10).status == "ok"
    engine.close()


def test_with_a_missing_tool_the_built_in_reader_does_its_work(tmp_path: Path, sample: Path) -> None:
    engine = Engine(lambda: ExifToolProcess(find_exiftool(None, str(tmp_path))))
    found = health.check(engine, sample, 2)
    assert (found.status, "not found" in str(found.reason)) == ("degraded", True)
    engine.close()


@dataclass
class Upload:
    path: Path
    name: str = "holiday.gif"
    extension: str = "gif"


def test_no_path_of_ours_is_told(stubborn: Engine, sample: Path) -> None:
    reading = Extractor(stubborn, 10).read(Upload(sample))
    assert reading.warnings == ("cannot open holiday.gif",)
    assert str(sample.parent) not in json.dumps(reading.metadata)
    assert sample.name not in json.dumps(reading.metadata)


def test_an_answer_that_is_no_json_is_an_error_of_the_engine(stubborn: Engine) -> None:
    with pytest.raises(EngineDied, match="cannot be read"):
        Extractor(stubborn, 10).read(Upload(Path("/x/a.nonsense")))
