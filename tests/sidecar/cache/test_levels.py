"""Levels of memory pressure: properties of the pure part."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.cache.levels import (
    MIB,
    Bound,
    PressureLevel,
    Readings,
    Stall,
    Thresholds,
    eviction_target_mb,
    level_of,
    refuses,
    summarise,
    tightest,
)
from mediabridge.sidecar.cache.limits import PROFILES, Limits

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERCENT = st.floats(0, 100)
STALLS = st.none() | st.builds(Stall, PERCENT, PERCENT)
BOUNDS = st.builds(
    Bound, st.sampled_from(["system", "cgroup", "rlimit"]), st.integers(0, 1 << 44), st.integers(0, 1 << 45)
)
USUAL = Thresholds()


@pytest.mark.parametrize(
    ("percent", "stall", "level"),
    [
        (0, None, "NORMAL"), (74.9, None, "NORMAL"), (75, None, "ELEVATED"), (85, None, "HIGH"), (95, None, "CRITICAL"),
        (10, Stall(19, 0), "NORMAL"), (10, Stall(20, 0), "ELEVATED"), (10, Stall(30, 10), "HIGH"),
        (10, Stall(60, 40), "CRITICAL"), (96, Stall(0, 0), "CRITICAL"),
    ],
)  # fmt: skip
def test_the_level_of(percent: float, stall: Stall | None, level: str) -> None:
    assert level_of(percent, stall, USUAL).name == level


@given(PERCENT, PERCENT, STALLS)
def test_fuller_is_never_better(one: float, other: float, stall: Stall | None) -> None:
    low, high = sorted((one, other))
    assert level_of(low, stall, USUAL).value <= level_of(high, stall, USUAL).value


@given(PERCENT, STALLS)
def test_waiting_for_memory_is_never_better_than_not(percent: float, stall: Stall | None) -> None:
    assert level_of(percent, stall, USUAL).value >= level_of(percent, None, USUAL).value


@given(st.lists(BOUNDS, min_size=1), STALLS, st.integers(0, 1 << 44))
def test_the_tightest_limit_counts_and_all_figures_are_within_range(
    bounds: list[Bound], stall: Stall | None, rss: int
) -> None:
    stats = summarise(Readings(tuple(bounds), stall, rss, rss), USUAL, NOW)
    assert stats.system_percent == max(bound.percent for bound in bounds)
    assert 0 <= stats.system_percent <= 100
    assert 0 <= stats.process_percent <= 100
    assert 0 <= stats.system_available_mb <= stats.system_total_mb
    assert 0 <= eviction_target_mb(stats, USUAL) <= stats.system_total_mb


def test_a_container_that_is_full_counts_however_empty_the_machine_is() -> None:
    bounds = (
        Bound("system", 64 << 30, 1 << 30),
        Bound("cgroup", 512 * MIB, 500 * MIB),
        Bound("cgroup", 8 << 30, 1 << 30),
    )
    assert tightest(bounds) == bounds[1]
    stats = summarise(Readings(bounds), USUAL, NOW)
    assert (stats.bound, stats.system_total_mb, stats.system_available_mb) == ("cgroup", 512, 12)
    assert stats.pressure_level is PressureLevel.CRITICAL


@pytest.mark.parametrize(("used", "target"), [(50, 0), (80, 20), (90, 15), (97, 22)])
def test_the_target_is_what_leads_to_the_level_below(used: int, target: float) -> None:
    stats = summarise(Readings((Bound("system", 100 * MIB, used * MIB),)), USUAL, NOW)
    assert eviction_target_mb(stats, USUAL) == pytest.approx(target)


@given(PERCENT, st.integers(0, 1 << 40))
def test_work_is_refused_only_when_it_is_large_and_memory_nearly_exhausted(percent: float, size: int) -> None:
    stats = summarise(Readings((Bound("system", 10_000, int(percent * 100)),)), USUAL, NOW)
    assert refuses(stats, size, 4 * MIB) == (stats.pressure_level is PressureLevel.CRITICAL and size >= 4 * MIB)


def test_the_profiles_are_those_of_the_contract() -> None:
    found = {name: (limits.max_memory_entries, limits.max_disk_size_mb) for name, limits in PROFILES.items()}
    assert found == {
        "development": (100, 50),
        "staging": (500, 200),
        "production": (2000, 1000),
        "constrained": (200, 100),
    }


def test_the_worse_the_pressure_the_less_memory_is_left_to_the_cache() -> None:
    shares = [Limits(100, 50).under(level) for level in PressureLevel]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == (100, 100 * 128 * 1024)
    assert shares[-1] == (0, 0)
