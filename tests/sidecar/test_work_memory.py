"""A job that decodes waits while memory is short, and can be stopped meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from mediabridge.sidecar import work
from mediabridge.sidecar.jobs.handling import Interrupted


class Checked:
    """As far as a run is asked here: the second look interrupts, when it is to."""

    def __init__(self, *, stops: bool) -> None:
        self.checks, self.stops = 0, stops

    def check(self) -> None:
        self.checks += 1
        if self.stops and self.checks == 2:
            raise Interrupted


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_PAUSE_S", 0.001)


def test_it_goes_on_when_there_is_memory_again() -> None:
    run: Any = Checked(stops=False)
    answers = iter([True, True, True, False])
    work.wait_for_memory(run, lambda: next(answers))
    assert run.checks == 3
    assert list(answers) == []


def test_it_stops_when_it_has_to() -> None:
    run: Any = Checked(stops=True)
    with pytest.raises(Interrupted):
        work.wait_for_memory(run, lambda: True)


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_PATIENCE_S", 0.01)
    run: Any = Checked(stops=False)
    work.wait_for_memory(run, lambda: True)
    assert run.checks >= 1
