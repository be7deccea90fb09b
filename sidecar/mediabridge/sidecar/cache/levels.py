"""Levels of memory pressure: pure functions from what was read of the system to a level. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

MIB = 1024 * 1024

# Pressure stall information (Documentation/accounting/psi.rst), percent of the last 10 s. `some`: at least one task
# waited for memory; `full`: all did. systemd-oomd kills at 60 % `full` over 30 s; this is well before.
_SOME_ELEVATED = 20.0
_FULL_HIGH = 10.0
_FULL_CRITICAL = 40.0


class PressureLevel(Enum):
    """How scarce memory is."""

    NORMAL = 1
    ELEVATED = 2
    HIGH = 3
    CRITICAL = 4


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit of memory that holds for this process, in bytes. `name` says which: `system`, `cgroup`, `rlimit`."""

    name: str
    limit: int
    used: int

    @property
    def percent(self) -> float:
        """How full it is, 0 to 100."""
        return min(max(self.used / self.limit * 100, 0.0), 100.0) if self.limit > 0 else 100.0

    @property
    def available(self) -> int:
        """Bytes that are left."""
        return max(self.limit - self.used, 0)


@dataclass(frozen=True, slots=True)
class Stall:
    """Percent of the last 10 seconds that some task, or all tasks, waited for memory."""

    some: float = 0.0
    full: float = 0.0


@dataclass(frozen=True, slots=True)
class Readings:
    """What one look at the system gives: all limits (one at least), stalls where the kernel tells, this process."""

    bounds: tuple[Bound, ...]
    stall: Stall | None = None
    process_rss: int = 0
    process_vms: int = 0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Percent of the tightest limit from which a level holds. `normal` is where one would like to be."""

    normal: float = 60.0
    elevated: float = 75.0
    high: float = 85.0
    critical: float = 95.0


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """One sample. `system_*` are of the tightest limit, named by `bound`: in a container that is the container's."""

    timestamp: datetime
    process_rss_mb: float
    process_vms_mb: float
    process_percent: float
    system_available_mb: float
    system_total_mb: float
    system_percent: float
    pressure_level: PressureLevel
    bound: str = "system"
    stall: Stall | None = None


def tightest(bounds: tuple[Bound, ...]) -> Bound:
    """The limit that is fullest; of equally full ones the smallest."""
    return max(bounds, key=lambda bound: (bound.percent, -bound.limit))


def level_of(percent: float, stall: Stall | None, thresholds: Thresholds) -> PressureLevel:
    """The level: by how full the tightest limit is, or by how long tasks wait for memory, whichever is worse."""
    by_percent = PressureLevel.NORMAL
    if percent >= thresholds.critical:
        by_percent = PressureLevel.CRITICAL
    elif percent >= thresholds.high:
        by_percent = PressureLevel.HIGH
    elif percent >= thresholds.elevated:
        by_percent = PressureLevel.ELEVATED
    return max(by_percent, _by_stall(stall or Stall()), key=lambda level: level.value)


def _by_stall(stall: Stall) -> PressureLevel:
    if stall.full >= _FULL_CRITICAL:
        return PressureLevel.CRITICAL
    if stall.full >= _FULL_HIGH:
        return PressureLevel.HIGH
    return PressureLevel.ELEVATED if stall.some >= _SOME_ELEVATED else PressureLevel.NORMAL


def summarise(readings: Readings, thresholds: Thresholds, now: datetime) -> MemoryStats:
    """The sample that readings give."""
    bound = tightest(readings.bounds)
    return MemoryStats(
        timestamp=now,
        process_rss_mb=readings.process_rss / MIB,
        process_vms_mb=readings.process_vms / MIB,
        process_percent=min(readings.process_rss / bound.limit * 100, 100.0) if bound.limit > 0 else 100.0,
        system_available_mb=bound.available / MIB,
        system_total_mb=bound.limit / MIB,
        system_percent=bound.percent,
        pressure_level=level_of(bound.percent, readings.stall, thresholds),
        bound=bound.name,
        stall=readings.stall,
    )


def eviction_target_mb(stats: MemoryStats, thresholds: Thresholds) -> float:
    """MiB to free until the level below holds: under HIGH and CRITICAL below `elevated`, under ELEVATED `normal`."""
    if stats.pressure_level is PressureLevel.NORMAL:
        return 0.0
    goal = thresholds.normal if stats.pressure_level is PressureLevel.ELEVATED else thresholds.elevated
    return max(stats.system_percent - goal, 0.0) / 100 * stats.system_total_mb


def refuses(stats: MemoryStats, size_bytes: int, large_bytes: int) -> bool:
    """Whether new work of this size should wait: it is large, and memory is nearly exhausted."""
    return stats.pressure_level is PressureLevel.CRITICAL and size_bytes >= large_bytes
