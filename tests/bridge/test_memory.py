"""Resident memory of a tree, and the kernel's count of kills."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mediabridge.bridge.memory import oom_kills, resident_bytes

from .doubles import NOBODY

MB = 2**20


def test_no_process_has_no_memory() -> None:
    assert resident_bytes(None) is None
    assert resident_bytes(NOBODY) is None


def test_this_process_has_some() -> None:
    assert (resident_bytes(os.getpid()) or 0) > 5 * MB


@pytest.mark.parametrize("pid", [-5, 10**30])
def test_what_cannot_be_a_pid_has_no_memory(pid: int) -> None:
    assert resident_bytes(pid) is None


def test_descendants_are_counted() -> None:
    hold = "b = bytearray(40 * 2**20); print(flush=True); input()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        together = resident_bytes(process.pid)
        process.stdin.close()
    assert (together or 0) > 45 * MB


def cgroup(folder: Path, own: str = "0::/app/web\n", events: str | None = "low 0\noom 3\noom_kill 2\n") -> int | None:
    (folder / "own").write_text(own)
    (folder / "app/web").mkdir(parents=True)
    if events is not None:
        (folder / "app/web/memory.events").write_text(events)
    return oom_kills(folder, folder / "own")


def test_the_kills_of_the_own_cgroup_are_read(tmp_path: Path) -> None:
    assert cgroup(tmp_path) == 2


@pytest.mark.parametrize(
    ("own", "events"),
    [
        ("12:memory:/x\n", "oom_kill 2\n"),
        ("0::/app/web\n", None),
        ("0::/app/web\n", "oom 3\n"),
        ("0::/app/web\n", "oom_kill many\n"),
        ("", ""),
    ],
)
def test_a_count_that_cannot_be_read_is_unknown(tmp_path: Path, own: str, events: str | None) -> None:
    assert cgroup(tmp_path, own, events) is None


def test_no_proc_means_unknown(tmp_path: Path) -> None:
    assert oom_kills(tmp_path, tmp_path / "nothing") is None
