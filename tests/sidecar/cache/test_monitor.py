"""The monitor: samples, history, callbacks, refusals. Readings and clock are given; threads and processes are real."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediabridge.sidecar import errors
from mediabridge.sidecar.cache import (
    MemoryPressureMonitor,
    MemoryStats,
    PressureLevel,
    get_global_monitor,
    refuse_when_critical,
    shutdown_monitoring,
)
from mediabridge.sidecar.cache.levels import MIB, Bound, Readings, Stall
from mediabridge.sidecar.faults import MemoryShort

from .conftest import fork


class World:
    """A machine of 1000 MiB with a clock, both to be set."""

    def __init__(self) -> None:
        self.percent = 10
        self.stall: Stall | None = None
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.looks = 0

    def read(self) -> Readings:
        self.looks += 1
        return Readings((Bound("system", 1000 * MIB, self.percent * 10 * MIB),), self.stall, 50 * MIB, 90 * MIB)

    def now(self) -> datetime:
        return self.time

    def after(self, seconds: float) -> World:
        self.time += timedelta(seconds=seconds)
        return self


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def monitor(world: World) -> MemoryPressureMonitor:
    return MemoryPressureMonitor(read=world.read, now=world.now)


@pytest.fixture
def global_monitor() -> Iterator[MemoryPressureMonitor]:
    yield get_global_monitor()
    shutdown_monitoring()


def test_the_first_question_finds_a_sample_although_nothing_runs(monitor: MemoryPressureMonitor, world: World) -> None:
    stats = monitor.get_current_stats()
    assert (stats.system_percent, stats.system_available_mb, stats.pressure_level.name) == (10, 900, "NORMAL")
    assert stats.timestamp == world.time
    assert not monitor.monitoring


def test_a_sample_is_used_until_it_is_too_old(monitor: MemoryPressureMonitor, world: World) -> None:
    monitor.get_current_stats()
    world.percent = 96
    assert not monitor.is_critical_pressure()
    assert world.after(4.9).looks == 1
    assert monitor.get_current_stats(max_age_seconds=1).system_percent == 96
    world.percent = 10
    world.after(5.1)
    assert not monitor.is_under_pressure()


def test_a_clock_that_is_set_back_does_not_freeze_the_sample(monitor: MemoryPressureMonitor, world: World) -> None:
    monitor.get_current_stats()
    world.percent = 96
    world.after(-3600)
    assert monitor.is_critical_pressure()


def test_callbacks_come_once_when_their_level_is_entered(monitor: MemoryPressureMonitor, world: World) -> None:
    seen: list[str] = []
    for level in PressureLevel:
        monitor.register_pressure_callback(level, lambda stats: seen.append(stats.pressure_level.name))
    for percent in (10, 80, 81, 96, 97, 88, 10, 10):
        world.percent = percent
        monitor.sample()
    assert seen == ["ELEVATED", "CRITICAL", "HIGH", "NORMAL"]


def test_a_callback_that_fails_keeps_no_other_from_being_called(monitor: MemoryPressureMonitor, world: World) -> None:
    def fail(_: MemoryStats) -> None:
        raise RuntimeError

    seen: list[MemoryStats] = []
    monitor.register_pressure_callback(PressureLevel.HIGH, fail)
    monitor.register_pressure_callback(PressureLevel.HIGH, seen.append)
    world.percent = 90
    assert [monitor.sample()] == seen


def test_who_is_taken_off_the_list_is_not_called(monitor: MemoryPressureMonitor, world: World) -> None:
    seen: list[MemoryStats] = []
    monitor.register_pressure_callback(PressureLevel.HIGH, seen.append)
    for _ in range(2):
        monitor.unregister_pressure_callback(PressureLevel.HIGH, seen.append)
    world.percent = 90
    monitor.sample()
    assert seen == []


def test_the_history_is_bounded_and_in_order(world: World) -> None:
    monitor = MemoryPressureMonitor(history_size=3, read=world.read, now=world.now)
    for percent in (1, 2, 3, 4, 5):
        world.after(10).percent = percent
        monitor.sample()
    assert [stats.system_percent for stats in monitor.get_history()] == [3, 4, 5]
    assert monitor.get_average_pressure(seconds=15) == 4.5


def test_the_target_is_in_mb(monitor: MemoryPressureMonitor, world: World) -> None:
    assert monitor.get_eviction_target_mb() == 0
    world.after(10).percent = 90
    assert monitor.get_eviction_target_mb() == pytest.approx(150)


def test_large_work_is_refused_while_memory_is_nearly_exhausted(monitor: MemoryPressureMonitor, world: World) -> None:
    monitor.refuse_when_critical(100 * MIB)
    world.after(2).percent = 97
    monitor.refuse_when_critical(MIB)
    with pytest.raises(MemoryShort, match=r"97 % of 1000 MB are in use.*100 MB is not taken now") as caught:
        monitor.refuse_when_critical(100 * MIB)
    kind = errors.kind_of(caught.value)
    assert (kind.status, bool(kind.retry_after_s)) == (503, True)
    world.after(2).percent = 50
    monitor.refuse_when_critical(100 * MIB)


def test_work_of_any_size_is_refused_where_its_need_is_not_known(monitor: MemoryPressureMonitor, world: World) -> None:
    monitor.refuse_all_when_critical("No picture is decoded now.")
    world.after(2).percent = 97
    with pytest.raises(MemoryShort, match=r"97 % of 1000 MB are in use.*No picture is decoded now"):
        monitor.refuse_all_when_critical("No picture is decoded now.")


def test_tasks_that_all_wait_for_memory_count_as_well(monitor: MemoryPressureMonitor, world: World) -> None:
    world.stall = Stall(80, 60)
    with pytest.raises(MemoryShort):
        monitor.refuse_when_critical(100 * MIB)


def test_the_summary_is_json_and_has_the_names_that_dashboards_read(
    monitor: MemoryPressureMonitor, world: World
) -> None:
    world.percent, world.stall = 90, Stall(1, 0)
    found = json.loads(json.dumps(monitor.get_summary(), allow_nan=False))
    assert found["pressure_level"] == "HIGH"
    assert found["system"]["percent"] == 90
    assert found["system"]["available_mb"] == 100
    assert found["process"]["rss_mb"] == 50
    assert found["limits"] == [{"name": "system", "limit_mb": 1000, "percent": 90}]
    assert found["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert (found["under_pressure"], found["critical"], found["eviction_target_mb"]) == (True, False, 150)


def test_the_thread_samples_by_itself_and_ends(world: World, until: Callable[..., Any]) -> None:
    monitor = MemoryPressureMonitor(sample_interval_seconds=0.01, read=world.read, now=world.now)
    called = threading.Event()
    monitor.register_pressure_callback(PressureLevel.CRITICAL, lambda _: called.set())
    before = set(threading.enumerate())
    monitor.start_monitoring()
    monitor.start_monitoring()
    assert len(set(threading.enumerate()) - before) == 1
    world.percent = 99
    assert called.wait(10)
    monitor.stop_monitoring()
    looks = world.looks
    assert not monitor.monitoring
    assert looks == world.looks


def test_the_thread_outlives_a_look_that_fails(world: World, until: Callable[..., Any]) -> None:
    def read() -> Readings:
        found = world.read()
        if world.looks < 3:
            raise ValueError
        return found

    monitor = MemoryPressureMonitor(sample_interval_seconds=0.01, read=read, now=world.now)
    monitor.start_monitoring()
    until(monitor.get_history)
    monitor.stop_monitoring()


def test_there_is_one_monitor_in_a_process_and_it_runs(global_monitor: MemoryPressureMonitor) -> None:
    assert get_global_monitor() is global_monitor
    assert global_monitor.monitoring
    assert 0 < global_monitor.get_current_stats().system_percent <= 100
    refuse_when_critical(0)
    shutdown_monitoring()
    assert not global_monitor.monitoring
    assert get_global_monitor() is not global_monitor


def test_a_forked_child_has_a_monitor_of_its_own(global_monitor: MemoryPressureMonitor) -> None:
    child = fork()
    if child == 0:
        own = get_global_monitor()
        os._exit(0 if own is not global_monitor and own.monitoring else 1)
    assert os.waitpid(child, 0)[1] == 0
