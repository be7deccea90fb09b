"""Bridges whose child and prober are doubles, and the entries of the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from mediabridge.bridge import PythonBridge

from .doubles import Bridges, bridge


@pytest.fixture
def make() -> Iterator[Bridges]:
    """Makes bridges as `doubles.bridge` does, and kills them at the end."""
    made: list[PythonBridge] = []

    def one(*args: object, **kwargs: object) -> PythonBridge:
        made.append(bridge(*args, **kwargs))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for it in made:
        it.kill()


@pytest.fixture
def entries(caplog: pytest.LogCaptureFixture) -> Callable[[int], list[str]]:
    """The entries of the log from a level up."""
    caplog.set_level(logging.INFO, "mediabridge.bridge")
    return lambda level: [record.getMessage() for record in caplog.records if record.levelno >= level]
