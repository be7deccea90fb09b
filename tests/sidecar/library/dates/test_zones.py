"""Local time and UTC: the machine's zone, the zone of a place, offsets between two readings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.library.dates import zone_at, zone_of
from mediabridge.sidecar.library.dates.zones import is_twofold, local_in, offset_between, offset_in

PLACES = ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"]
INSTANTS = st.datetimes(
    datetime.fromisoformat("2001-01-01"), datetime.fromisoformat("2036-01-01"), timezones=st.just(UTC)
).map(lambda it: it.replace(microsecond=0))


@pytest.fixture(params=PLACES)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine that stands in that zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(instant=INSTANTS)
def test_property_the_machines_zone_knows_its_summer_time(machine: str, instant: datetime) -> None:
    clock, offset = local_in(zone_of(None), instant)
    assert (clock, offset) == local_in(ZoneInfo(machine), instant)
    assert (clock - offset).replace(tzinfo=UTC) == instant
    if not is_twofold(ZoneInfo(machine), clock):
        assert offset_in(zone_of(None), clock) == offset


def test_the_setting_names_a_zone() -> None:
    assert zone_of("Asia/Tokyo") == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("latitude", "longitude", "name"),
    [(52.5, 13.4, "Europe/Berlin"), (-33.87, 151.2, "Australia/Sydney"), (37.37, -122.03, "America/Los_Angeles")],
)
def test_a_place_has_a_zone(latitude: float, longitude: float, name: str) -> None:
    assert zone_at(latitude, longitude) == ZoneInfo(name)


def test_the_high_seas_have_none() -> None:
    assert zone_at(0.0, -30.0) is None


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_property_every_place_is_answered(latitude: float, longitude: float) -> None:
    zone = zone_at(latitude, longitude)
    assert zone is None or offset_in(zone, datetime.fromisoformat("2024-07-01")) is not None


@given(INSTANTS, st.integers(-48, 56), st.integers(-5, 5))
def test_property_an_offset_is_found_again(instant: datetime, quarters: int, seconds: int) -> None:
    offset = timedelta(minutes=15 * quarters)
    clock = instant.replace(tzinfo=None) + offset + timedelta(seconds=seconds)
    assert offset_between(clock, instant, timedelta(seconds=5)) == offset


@given(INSTANTS, st.integers(6, 894))
def test_property_what_is_no_quarter_of_an_hour_is_no_offset(instant: datetime, seconds: int) -> None:
    assert (
        offset_between(instant.replace(tzinfo=None) + timedelta(seconds=seconds), instant, timedelta(seconds=5)) is None
    )
