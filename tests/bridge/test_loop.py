"""One thread, one queue, and timers."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from mediabridge.bridge.loop import Loop

from .doubles import PATIENCE_S


class Run:
    """A loop with a clock that the test moves, and what happened in it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seen: list[str] = []
        self.ended = False
        self.closed = 0
        self.loop = Loop(lambda: self.now, after=self._after, done=lambda: self.ended, close=self._close, name="test")

    def _after(self) -> None:
        self.seen.append(".")

    def _close(self) -> None:
        self.closed += 1

    def says(self, word: str) -> None:
        self.seen.append(word)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def end(self) -> None:
        self.ended = True

    def to_the_end(self) -> list[str]:
        """Let it run until it is told to end, behind all that was posted."""
        self.loop.post(self.end)
        self.loop.start()
        assert self.loop.join(PATIENCE_S)
        return self.seen


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run()
    yield run
    if run.loop.alive:
        run.loop.post(run.end)
        run.loop.join(PATIENCE_S)


def test_jobs_run_in_their_order_each_with_its_after(run: Run) -> None:
    for word in ("one", "two"):
        run.loop.post(lambda word=word: run.says(word))  # type: ignore[misc]
    assert run.to_the_end() == ["one", ".", "two", ".", "."]


def test_timers_run_in_the_order_of_their_times(run: Run) -> None:
    def set_timers() -> None:
        run.loop.later(2, lambda: run.says("late"))
        run.loop.later(1, lambda: run.says("early"))
        run.pass_time(3)

    run.loop.post(set_timers)
    run.loop.post(lambda: run.says("posted"))
    assert [it for it in run.to_the_end() if it != "."] == ["early", "late", "posted"]


def test_timers_of_one_time_run_in_the_order_in_which_they_were_set(run: Run) -> None:
    def set_timers() -> None:
        for number in range(5):
            run.loop.later(1, lambda number=number: run.says(str(number)))  # type: ignore[misc]
        run.pass_time(1)

    run.loop.post(set_timers)
    assert "".join(run.to_the_end()).replace(".", "") == "01234"


def test_a_timer_that_is_not_due_waits(run: Run) -> None:
    run.loop.post(lambda: run.loop.later(1, lambda: run.says("never")))
    assert "never" not in run.to_the_end()


def test_a_timer_rings_though_nothing_is_posted() -> None:
    rung = threading.Event()
    loop = Loop(iter(range(1000)).__next__, after=lambda: None, done=rung.is_set, close=lambda: None, name="test")
    loop.post(lambda: loop.later(2, rung.set))
    loop.start()
    assert loop.join(PATIENCE_S)


def test_it_is_closed_once_at_the_end(run: Run) -> None:
    run.to_the_end()
    assert (run.closed, run.loop.alive) == (1, False)


def test_only_a_job_is_inside(run: Run) -> None:
    run.loop.post(lambda: run.says(str(run.loop.inside)))
    assert run.to_the_end()[0] == "True"
    assert not run.loop.inside


def test_a_join_ends_with_its_time(run: Run) -> None:
    run.loop.start()
    assert not run.loop.join(0.01)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_raises_closes_it(run: Run) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    run.loop.post(broken)
    run.loop.start()
    assert run.loop.join(PATIENCE_S)
    assert run.closed == 1
