"""Fixtures of the cache's tests: folders, keys, and real processes that use one cache."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mediabridge.sidecar.cache.codec import Key, key_of

ROOT = Path(__file__).resolve().parents[3]
PATHS = os.pathsep.join(str(ROOT / part) for part in ("sidecar", "config"))
WORKER = Path(__file__).with_name("worker.py")

Spawn = Callable[..., subprocess.Popen[str]]


def fork() -> int:
    """`os.fork`, without the warning that there are threads: that is what is tried."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


@pytest.fixture(name="key", scope="session")
def key_fixture() -> Callable[[object], Key]:
    """A key for any word."""
    return lambda word: key_of(str(word), engine="test", version="1")


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts `worker.py COMMAND ARGUMENTS...`; its lines come on stdout."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(WORKER), *map(str, arguments)]
        env = {**os.environ, "PYTHONPATH": PATHS}
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)
