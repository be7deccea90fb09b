"""The memory pressure monitor: samples, a history, calls when the level changes, refusals when it is critical."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from mediabridge.sidecar.faults import MemoryShort
from mediabridge.sidecar.limits import megabytes

from .levels import (
    MIB,
    MemoryStats,
    PressureLevel,
    Readings,
    Thresholds,
    eviction_target_mb,
    refuses,
    summarise,
)
from .meminfo import Probe

Callback = Callable[[MemoryStats], None]
_FRESH_S = 1.0  # no older sample decides whether work is refused
_LARGE = 4 * MIB  # bytes; smaller files are taken even when memory is nearly exhausted
_log = logging.getLogger(__name__)


class MemoryPressureMonitor:
    """Levels begin at the given percents of the tightest limit. Any thread may ask; an old sample is renewed.

    `read` gives the readings and `now` the time (both for tests); the thread of `start_monitoring` is only needed for
    callbacks that shall come without anybody asking.
    """

    def __init__(
        self,
        normal_threshold: float = 60.0,
        elevated_threshold: float = 75.0,
        high_threshold: float = 85.0,
        critical_threshold: float = 95.0,
        sample_interval_seconds: float = 5,
        history_size: int = 12,
        *,
        read: Callable[[], Readings] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.thresholds = Thresholds(normal_threshold, elevated_threshold, high_threshold, critical_threshold)
        self.sample_interval_seconds = sample_interval_seconds
        self._read = read or Probe().read
        self._now = now
        self._readings: Readings | None = None
        self._history: deque[MemoryStats] = deque(maxlen=history_size)
        self._callbacks: dict[PressureLevel, list[Callback]] = {level: [] for level in PressureLevel}
        self._level = PressureLevel.NORMAL
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # The life of the thread

    def start_monitoring(self) -> None:
        """Sample in the background; harmless when it runs already."""
        if not self.monitoring:
            self._stop.clear()
            self._thread = threading.Thread(target=self._watch, name="memory-pressure", daemon=True)
            self._thread.start()

    def stop_monitoring(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
        self._thread = None

    @property
    def monitoring(self) -> bool:
        """Whether the thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def _watch(self) -> None:
        while True:
            try:
                self.sample()
            except Exception:  # noqa: BLE001  the thread must outlive whatever a system's files hold
                _log.exception("memory could not be looked at")
            if self._stop.wait(self.sample_interval_seconds):
                return

    # Samples

    def sample(self) -> MemoryStats:
        """Look now. When the level has changed, the callbacks of the new one are called in this thread."""
        readings = self._read()
        stats = summarise(readings, self.thresholds, self._now())
        with self._lock:
            changed = stats.pressure_level is not self._level
            self._level, self._readings = stats.pressure_level, readings
            self._history.append(stats)
            callbacks = tuple(self._callbacks[self._level]) if changed else ()
        if changed:
            _tell(stats)
        for callback in callbacks:
            try:
                callback(stats)
            except Exception:  # noqa: BLE001  it is somebody else's code
                _log.exception("a callback for memory pressure failed")
        return stats

    def get_current_stats(self, max_age_seconds: float | None = None) -> MemoryStats:
        """The last sample, renewed when it is older than that (default: the sample interval)."""
        age = timedelta(seconds=self.sample_interval_seconds if max_age_seconds is None else max_age_seconds)
        with self._lock:
            last = self._history[-1] if self._history else None
        return last if last is not None and abs(self._now() - last.timestamp) <= age else self.sample()

    def get_history(self) -> list[MemoryStats]:
        """The last samples, oldest first."""
        with self._lock:
            return list(self._history)

    def get_average_pressure(self, seconds: float = 60) -> float:
        """Mean `system_percent` of the samples of the last so many seconds."""
        current = self.get_current_stats()
        since = current.timestamp - timedelta(seconds=seconds)
        recent = [stats.system_percent for stats in self.get_history() if stats.timestamp >= since]
        return sum(recent) / len(recent) if recent else current.system_percent

    # Questions

    def is_under_pressure(self) -> bool:
        """Whether the level is ELEVATED or worse."""
        return self.get_current_stats().pressure_level is not PressureLevel.NORMAL

    def is_critical_pressure(self) -> bool:
        """Whether memory is nearly exhausted."""
        return self.get_current_stats().pressure_level is PressureLevel.CRITICAL

    def get_available_memory_mb(self) -> float:
        """MiB that are left below the tightest limit."""
        return self.get_current_stats().system_available_mb

    def get_eviction_target_mb(self) -> float:
        """MiB that should be freed; 0 without pressure."""
        return eviction_target_mb(self.get_current_stats(), self.thresholds)

    def refuse_when_critical(self, size_bytes: int, large_bytes: int = _LARGE) -> None:
        """Raise `MemoryShort` for work of `large_bytes` or more while memory is nearly exhausted.

        Smaller work is always taken. The look at memory is at most a second old.
        """
        if size_bytes < large_bytes:
            return
        stats = self.get_current_stats(_FRESH_S)
        if refuses(stats, size_bytes, large_bytes):
            raise MemoryShort(_why(stats, f"A file of {megabytes(size_bytes)} is not taken now."))

    def refuse_all_when_critical(self, refused: str) -> None:
        """The same for work of any size; `refused` is the sentence that says what is not done."""
        stats = self.get_current_stats(_FRESH_S)
        if stats.pressure_level is PressureLevel.CRITICAL:
            raise MemoryShort(_why(stats, refused))

    def register_pressure_callback(self, level: PressureLevel, callback: Callback) -> None:
        """Call `callback` with the sample each time this level is entered, from a worse or from a better one."""
        with self._lock:
            self._callbacks[level].append(callback)

    def unregister_pressure_callback(self, level: PressureLevel, callback: Callback) -> None:
        """Call it no more; harmless when it was not registered."""
        with self._lock, contextlib.suppress(ValueError):
            self._callbacks[level].remove(callback)

    def get_summary(self) -> dict[str, Any]:
        """All of it as a JSON object. Sizes in MiB."""
        stats = self.get_current_stats()
        with self._lock:
            bounds = self._readings.bounds if self._readings else ()
        limits = self.thresholds
        return {
            "timestamp": stats.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "pressure_level": stats.pressure_level.name,
            "system": {
                "used_mb": round(stats.system_total_mb - stats.system_available_mb, 2),
                "available_mb": round(stats.system_available_mb, 2),
                "total_mb": round(stats.system_total_mb, 2),
                "percent": round(stats.system_percent, 2),
                "bound": stats.bound,
            },
            "process": {
                "rss_mb": round(stats.process_rss_mb, 2),
                "vms_mb": round(stats.process_vms_mb, 2),
                "percent": round(stats.process_percent, 2),
            },
            "limits": [
                {"name": it.name, "limit_mb": round(it.limit / MIB, 2), "percent": round(it.percent, 2)}
                for it in bounds
            ],
            "stall": asdict(stats.stall) if stats.stall else None,
            "thresholds": asdict(limits),
            "eviction_target_mb": round(eviction_target_mb(stats, limits), 2),
            "under_pressure": stats.pressure_level is not PressureLevel.NORMAL,
            "critical": stats.pressure_level is PressureLevel.CRITICAL,
        }


def _why(stats: MemoryStats, refused: str) -> str:
    return (
        f"Memory is nearly exhausted: {stats.system_percent:.0f} % of {stats.system_total_mb:.0f} MB are in use "
        f"(limit: {stats.bound}). {refused}"
    )


def _tell(stats: MemoryStats) -> None:
    worse = stats.pressure_level in (PressureLevel.HIGH, PressureLevel.CRITICAL)
    _log.log(
        logging.WARNING if worse else logging.INFO,
        "memory pressure is %s: %.0f %% of %.0f MB in use (limit: %s)",
        stats.pressure_level.name,
        stats.system_percent,
        stats.system_total_mb,
        stats.bound,
    )


_global: MemoryPressureMonitor | None = None
_global_pid = 0
_global_lock = threading.Lock()


def get_global_monitor() -> MemoryPressureMonitor:
    """The monitor of this process; it runs. A forked child gets one of its own."""
    global _global, _global_pid
    with _global_lock:
        if _global is None or _global_pid != os.getpid():
            _global, _global_pid = MemoryPressureMonitor(), os.getpid()
        _global.start_monitoring()
        return _global


def shutdown_monitoring() -> None:
    """End the monitor of this process; the next `get_global_monitor()` makes a new one."""
    global _global  # noqa: PLW0603  one per process is what the name promises
    with _global_lock:
        if _global is not None and _global_pid == os.getpid():
            _global.stop_monitoring()
        _global = None
