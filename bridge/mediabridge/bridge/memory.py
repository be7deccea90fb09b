"""Resident memory of a sidecar with its children, and whether the kernel killed for want of memory."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil


def resident_bytes(pid: int | None) -> int | None:
    """Resident memory of a process and its descendants; None when there is no such process.

    Descendants come from `/proc/PID/task/TID/children` (proc(5)), which costs far less than a walk over all processes.
    """
    if pid is None:
        return None
    try:
        total = int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, ValueError):  # ValueError: a number that no process can have
        return None
    for child in _children(pid):
        with contextlib.suppress(psutil.Error):
            total += int(psutil.Process(child).memory_info().rss)
    return total


def _children(pid: int) -> list[int]:
    found: list[int] = []
    waiting = [pid]
    while waiting:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{waiting.pop()}/task").iterdir():
                own = [int(word) for word in (task / "children").read_text().split()]
                found += own
                waiting += own
    return found


def oom_kills(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """How often the kernel killed in this cgroup for want of memory (cgroup v2, `memory.events`); None = unknown."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        group = next(line[3:] for line in own.read_text().splitlines() if line.startswith("0::"))
        for line in (cgroups / group.lstrip("/") / "memory.events").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return None
