"""Figures of the pool: counted where things happen, told by `/api/extract/health`."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import Literal

import psutil

_LOOK_EVERY = 8  # commands; to read a process's memory is not free
State = Literal["starting", "ready", "missing", "down"]


@dataclass(frozen=True, slots=True)
class Wear:
    """How much a process may be used before a fresh one takes its place: files, and bytes of resident memory.

    0 means no limit. Memory is looked at now and then only.
    """

    files: int = 0
    rss_bytes: int = 0

    def reason(self, files: int, pid: int | None) -> str | None:
        """Why a process that has read `files` files is worn out; None when it is not."""
        if self.files and files >= self.files:
            return f"{files} files"
        if self.rss_bytes and files % _LOOK_EVERY == 0 and (rss := resident_bytes(pid) or 0) > self.rss_bytes:
            return f"{rss // 2**20} MB of memory"
        return None


def resident_bytes(pid: int | None) -> int | None:
    """Resident memory of a process; None when it is gone."""
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss) if pid else None
    return None


@dataclass(frozen=True, slots=True)
class ProcessStats:
    """One process: `files` that it has read since it started."""

    pid: int | None
    state: State
    busy: bool
    files: int
    rss_bytes: int | None

    def as_json(self) -> dict[str, object]:
        """As the health answer has it."""
        return {
            "pid": self.pid,
            "state": self.state,
            "busy": self.busy,
            "files": self.files,
            "rssBytes": self.rss_bytes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """Figures of one moment: `size`, `alive`, `busy` count processes, `queued` requests; the rest since the start.

    `restarts` counts processes lost and replaced, `recycled` those replaced because they were worn out. `mean_ms` is
    the mean time of a file that was read, `mean_wait_ms` that in the queue before it.
    """

    size: int
    alive: int
    busy: int
    queued: int
    restarts: int
    recycled: int
    completed: int
    failed: int
    timeouts: int
    mean_ms: float
    mean_wait_ms: float
    processes: tuple[ProcessStats, ...]

    def as_json(self) -> dict[str, object]:
        """As the health answer has it."""
        return {
            "size": self.size,
            "alive": self.alive,
            "busy": self.busy,
            "queued": self.queued,
            "restarts": self.restarts,
            "recycled": self.recycled,
            "completed": self.completed,
            "failed": self.failed,
            "timeouts": self.timeouts,
            "meanMs": self.mean_ms,
            "meanWaitMs": self.mean_wait_ms,
            "processes": [process.as_json() for process in self.processes],
        }


@dataclass(slots=True)
class Counts:
    """What has happened since the start, in all threads."""

    restarts: int = 0
    recycled: int = 0
    completed: int = 0
    failed: int = 0
    timeouts: int = 0
    work_s: float = 0.0
    waits: int = 0
    wait_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **amounts: float) -> None:
        """Add to the counts of these names."""
        with self._lock:
            for name, amount in amounts.items():
                setattr(self, name, getattr(self, name) + amount)

    def means_ms(self) -> tuple[float, float]:
        """Mean time of a command, and of the wait for a process."""
        with self._lock:
            work, wait = self.work_s / (self.completed or 1), self.wait_s / (self.waits or 1)
        return round(work * 1000, 1), round(wait * 1000, 1)
