"""Tasks in a child process: their answers, and every way in which they fail. Real processes throughout."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from mediabridge.sidecar import isolated
from mediabridge.sidecar.isolated import Limits, Runner

TASKS = """
import ctypes, os, sys, time

def echo(request):
    yield request
    yield os.getpid()

def chatter(request):
    print("a library talks")
    os.write(1, b"so does C\\n")
    sys.stderr.write("x" * 100_000)
    yield 1

def environment(request):
    yield dict(os.environ)

def flood(request):
    while True:
        yield "x" * 100_000

def crash(request):
    yield "begun"
    ctypes.string_at(0)

def leave(request):
    sys.stderr.write("no decoder for this\\n")
    sys.stderr.flush()
    os._exit(3)

def sleep(request):
    yield os.getpid()
    time.sleep(600)

def spin(request):
    while True:
        pass

def eat(request):
    yield len(bytearray(4 * 1024**3))

def fail(request):
    raise LookupError("no such tag")

def no_number(request):
    yield float("nan")

def write(request):
    with open(request, "wb") as file:
        file.write(bytes(1024 * 1024))
    yield True
"""


@pytest.fixture(autouse=True)
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tasks_of_the_test.py").write_text(TASKS)
    monkeypatch.syspath_prepend(tmp_path)


def ask(name: str, request: Any = None, **limits: float) -> Any:
    return Runner().run(f"tasks_of_the_test:{name}", request, Limits(**limits))  # type: ignore[arg-type]


def test_answers_come_from_another_process() -> None:
    request = {"a": [1, None, "ä"], "large": "x" * 500_000}
    got, pid = Runner().stream("tasks_of_the_test:echo", request)
    assert got == request
    assert pid != os.getpid()


def test_what_libraries_print_is_no_answer() -> None:
    assert ask("chatter") == 1


def test_the_child_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("MEDIABRIDGE_TOKEN", "t0ken")
    assert not {"s3cret", "t0ken"} & set(ask("environment").values())


@pytest.mark.parametrize(
    ("task", "limits", "error", "words"),
    [
        ("flood", {"output_bytes": 1_000_000}, isolated.AnsweredTooMuch, "1000000 bytes"),
        ("crash", {}, isolated.Died, "SIGSEGV"),
        ("leave", {}, isolated.Died, r"exit code 3 \(no decoder for this\)"),
        ("sleep", {"seconds": 1.5}, isolated.TookTooLong, "within 1.5 s"),
        ("spin", {"seconds": 1.5}, isolated.TookTooLong, "within 1.5 s"),
        ("eat", {}, isolated.OutOfMemory, "1024 MiB"),
        ("fail", {}, isolated.TaskFailed, "LookupError: no such tag"),
        ("no_number", {}, isolated.TaskFailed, "ValueError"),
        ("missing", {}, isolated.TaskFailed, "AttributeError"),
    ],
)
def test_failures_say_what_happened(task: str, limits: dict[str, float], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ask(task, **limits)


def test_answers_before_a_crash_are_not_lost() -> None:
    answers = Runner().stream("tasks_of_the_test:crash", None)
    assert next(answers) == "begun"
    with pytest.raises(isolated.Died):
        next(answers)


def test_what_it_writes_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(isolated.TaskFailed, match="File too large"):
        ask("write", str(tmp_path / "out"), file_bytes=1000)
    assert (tmp_path / "out").stat().st_size <= 1000


def test_an_abandoned_child_is_killed(until: Callable[..., Any]) -> None:
    answers = Runner().stream("tasks_of_the_test:sleep", None)
    pid = next(answers)
    answers.close()  # type: ignore[attr-defined]  # a generator
    until(lambda: not psutil.pid_exists(pid))


def test_no_more_children_than_there_is_room_for() -> None:
    runner = Runner(most=1)
    first = runner.stream("tasks_of_the_test:sleep", None)
    next(first)
    with pytest.raises(isolated.NoRoom):
        runner.run("tasks_of_the_test:echo", 1, Limits(seconds=0.2))
    first.close()  # type: ignore[attr-defined]  # a generator
    assert runner.run("tasks_of_the_test:echo", 1) is not None


def test_a_child_does_not_outlive_the_thread_that_waits(until: Callable[..., Any]) -> None:
    pids: list[int] = []

    def begin() -> None:
        pids.append(next(kept))

    kept = Runner().stream("tasks_of_the_test:sleep", None)
    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    until(lambda: not psutil.pid_exists(pids[0]) or psutil.Process(pids[0]).status() == psutil.STATUS_ZOMBIE)
    kept.close()  # type: ignore[attr-defined]  # a generator
