"""How many processes may work at once on this machine, or in this container."""

from __future__ import annotations

import math
import os
from pathlib import Path

MOST = 16  # each takes 30 to 50 MB, and the memory limit of a sidecar counts them all
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota_file: Path = _QUOTA) -> int:
    """Cores that this process may run on, by affinity and by the quota of its cgroup, rounded up; 1 at least."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _quota(quota_file) or allowed))


def processes(configured: int, quota_file: Path = _QUOTA) -> int:
    """The size of the pool: `configured`, or for 0 the usable cores, 16 at most."""
    return configured or min(usable_cores(quota_file), MOST)


def _quota(file: Path) -> int | None:
    """Whole cores of `cpu.max` (cgroup v2: `QUOTA PERIOD` in microseconds, or `max PERIOD`); None without a quota."""
    try:
        quota, period = file.read_text("ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return None
