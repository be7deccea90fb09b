"""Long-lived children: they stay between questions, and are replaced when they fail. Real processes throughout."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from mediabridge.sidecar import isolated
from mediabridge.sidecar.isolated import Limits, Pool, Wear, serve

TASKS = """
import ctypes, os, resource, sys, time
held = []

def work(request):
    what, value = request
    yield from globals()[what](value)

def echo(value):
    yield {"value": value, "pid": os.getpid()}, b"\\n\\0" * 50_000

def chatter(value):
    print("a library talks")
    os.write(1, b"so does C\\n")
    sys.stderr.write("x" * 200_000)
    yield "said", b""

def environment(value):
    yield dict(os.environ), b""

def limit(value):
    yield resource.getrlimit(resource.RLIMIT_CPU)[0] - time.process_time(), b""

def flood(value):
    while True:
        yield "x", bytes(100_000)

def crash(value):
    yield "begun", b""
    ctypes.string_at(0)

def leave(value):
    sys.stderr.write("no decoder for this\\n")
    sys.stderr.flush()
    os._exit(3)

def sleep(value):
    yield os.getpid(), b""
    time.sleep(600)

def eat(value):
    yield len(bytearray(4 * 1024**3)), b""

def keep(value):
    held.append(b"x" * value)
    yield os.getpid(), b""

def use(value):
    used = b"x" * value
    with open("/proc/self/statm") as file:
        yield int(file.read().split()[1]) * 4096, b""

def fail(value):
    yield "begun", b""
    raise LookupError("no such tag")
"""
Ask = Callable[..., Any]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pool]]:
    (tmp_path / "tasks_of_the_pool.py").write_text(TASKS)
    monkeypatch.syspath_prepend(tmp_path)
    pools: list[Pool] = []

    def made(most: int = 1, wear: Wear | None = None, **limits: Any) -> Pool:
        pools.append(Pool("tasks_of_the_pool:work", most, Limits(**limits), wear))
        return pools[-1]

    yield made
    for pool in pools:
        pool.close()
        assert pool.pids() == []


def ask(pool: Pool, what: str, value: Any = None) -> list[tuple[Any, bytes]]:
    return list(pool.stream([what, value]))


def pid_of(pool: Pool) -> int:
    ((answer, _),) = ask(pool, "echo")
    return int(answer["pid"])


def test_answers_come_with_bytes_and_the_child_stays(make: Ask) -> None:
    pool = make()
    request = {"a": [1, None, "ä\n"], "large": "x" * 500_000}
    ((answer, data),) = ask(pool, "echo", request)
    assert answer["value"] == request
    assert data == b"\n\0" * 50_000
    assert answer["pid"] == pid_of(pool) != os.getpid()


def test_questions_that_arrive_together_are_seen_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that sets a child up and the first question do: neither may wait until the child counts as idle."""
    idle: list[bool] = []
    monkeypatch.setattr(serve.confine_posix, "give_memory_back", lambda: idle.append(True))
    reader, writer = os.pipe()
    os.write(writer, b"one\ntwo\nth")
    lines = serve._lines(reader)
    assert [next(lines), next(lines), idle] == [b"one", b"two", []]
    os.write(writer, b"ree\n")
    os.close(writer)
    assert list(lines) == [b"three"]
    os.close(reader)


def test_what_libraries_print_is_no_answer(make: Ask) -> None:
    pool = make()
    for _ in range(3):
        assert ask(pool, "chatter") == [("said", b"")]


def test_the_child_sees_no_secret(make: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    ((answer, _),) = ask(make(), "environment")
    assert "s3cret" not in answer.values()


@pytest.mark.parametrize(
    ("task", "limits", "error", "words"),
    [
        ("flood", {"output_bytes": 1_000_000}, isolated.AnsweredTooMuch, "1000000 bytes"),
        ("crash", {}, isolated.Died, "SIGSEGV"),
        ("leave", {}, isolated.Died, r"exit code 3 \(no decoder for this\)"),
        ("sleep", {"seconds": 2.0}, isolated.TookTooLong, "within 2 s"),
        ("eat", {}, isolated.OutOfMemory, "1024 MiB"),
    ],
)
def test_a_child_that_fails_is_told_of_and_replaced(
    make: Ask, until: Ask, task: str, limits: dict[str, float], error: type[Exception], words: str
) -> None:
    pool = make(**limits)
    before = pid_of(pool)
    with pytest.raises(error, match=words):
        ask(pool, task)
    until(lambda: not psutil.pid_exists(before))
    assert pid_of(pool) != before


def test_a_task_that_raises_costs_no_process(make: Ask) -> None:
    pool = make()
    before = pid_of(pool)
    answers = pool.stream(["fail", None])
    assert next(answers) == ("begun", b"")
    with pytest.raises(isolated.TaskFailed, match="LookupError: no such tag"):
        next(answers)
    assert pid_of(pool) == before


def test_a_task_that_cannot_be_loaded_says_why(make: Ask) -> None:
    pool = Pool("no_such_module:work", 1)
    with pytest.raises(isolated.Died, match="no_such_module"):
        ask(pool, "echo")
    pool.close()


def test_one_that_reads_nothing_is_told_of(make: Ask) -> None:
    pool = make(seconds=2.0)
    before = pid_of(pool)
    os.kill(before, signal.SIGSTOP)
    with pytest.raises(isolated.TookTooLong):
        ask(pool, "echo", "x" * 1_000_000)
    assert pid_of(pool) != before


def test_one_that_died_while_it_waited_is_replaced_unnoticed(make: Ask, until: Ask) -> None:
    pool = make()
    before = pid_of(pool)
    os.kill(before, signal.SIGKILL)
    until(lambda: pool.pids() == [])
    assert pid_of(pool) != before


def test_it_outlives_the_thread_that_asked_first(make: Ask) -> None:
    pool = make()
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(pid_of(pool)))
    thread.start()
    thread.join()
    assert pid_of(pool) == seen[0]


def test_a_worn_child_is_replaced_between_questions(make: Ask) -> None:
    pool = make(wear=Wear(questions=2))
    pids = [pid_of(pool) for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_a_child_that_grew_is_replaced(make: Ask) -> None:
    pool = make(wear=Wear(resident_bytes=80 * 1024**2))
    before = pid_of(pool)
    assert pid_of(pool) == before
    ((grown, _),) = ask(pool, "keep", 100 * 1024**2)
    assert grown == before
    assert pid_of(pool) != before


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_an_idle_child_gives_its_memory_back(make: Ask, until: Ask) -> None:
    pool = make()
    process = psutil.Process(pid_of(pool))
    ((largest, _),) = ask(pool, "use", 200 * 1024**2)
    assert largest > 200 * 1024**2
    until(lambda: process.memory_info().rss < 100 * 1024**2)
    assert pid_of(pool) == process.pid


def test_processor_time_is_counted_for_each_question(make: Ask) -> None:
    pool = make(seconds=30.0)
    for _ in range(3):
        ((left, _),) = ask(pool, "limit")
        assert 30 <= left <= 33


def test_an_abandoned_answer_is_never_taken_for_the_next(make: Ask, until: Ask) -> None:
    pool = make()
    answers = pool.stream(["sleep", None])
    pid, _ = next(answers)
    answers.close()
    until(lambda: not psutil.pid_exists(pid))
    assert pid_of(pool) != pid


def test_many_threads_share_few_children(make: Ask) -> None:
    pool = make(most=2)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda value: ask(pool, "echo", value)[0][0], range(60)))
    assert [answer["value"] for answer in answers] == list(range(60))
    assert len({answer["pid"] for answer in answers}) <= 2


def test_no_more_children_than_there_is_room_for(make: Ask) -> None:
    pool = make(seconds=2.0)
    first = pool.stream(["sleep", None])
    next(first)
    with pytest.raises(isolated.NoRoom):
        ask(pool, "echo")
    first.close()
    pid_of(pool)


def test_closing_ends_what_is_under_way_and_refuses_what_comes(make: Ask, until: Ask) -> None:
    pool = make(most=2)
    pid_of(pool)
    busy = pool.stream(["sleep", None])
    pid, _ = next(busy)
    pool.close()
    until(lambda: not psutil.pid_exists(pid))
    with pytest.raises(isolated.Died):
        next(busy)
    with pytest.raises(isolated.NotStarted, match="closed"):
        ask(pool, "echo")
