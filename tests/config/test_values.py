"""The parsers of single settings."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.config import values


@settings(max_examples=300)
@given(st.integers(-100, 100), st.integers(-100, 100), st.integers(-200, 200))
def test_property_a_whole_number_is_taken_exactly_within_its_bounds(low: int, high: int, number: int) -> None:
    parse = values.whole(low, high)
    if low <= number <= high:
        assert parse(str(number)) == number
    else:
        with pytest.raises(ValueError, match=f"it is not between {low} and {high}"):
            parse(str(number))


@settings(max_examples=300)
@given(st.text(max_size=8))
def test_property_what_is_no_whole_number_is_refused_in_words(raw: str) -> None:
    if raw.isascii() and raw.removeprefix("-").isdigit():
        assert values.whole(-(10**9), 10**9)(raw) == int(raw)
    else:
        with pytest.raises(ValueError, match="it is not a whole number"):
            values.whole(-(10**9), 10**9)(raw)


@settings(max_examples=300)
@given(st.text(max_size=20))
def test_property_a_text_without_control_characters_is_taken_as_it_is(raw: str) -> None:
    if raw.isprintable():
        assert values.text(raw) == raw
    else:
        with pytest.raises(ValueError, match="control characters"):
            values.text(raw)


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("Yes", True), ("ON", True), ("0", False), ("False", False)])
def test_a_flag_is_read_in_any_case(raw: str, value: bool) -> None:
    assert values.flag(raw) is value


def test_what_is_no_flag_is_refused() -> None:
    with pytest.raises(ValueError, match="neither true nor false"):
        values.flag("maybe")


def test_endless_digits_are_refused_without_being_read() -> None:
    with pytest.raises(ValueError, match="it is not between 0 and 5"):
        values.whole(0, 5)("1" * 10**6)


def test_a_choice_is_read_in_any_case() -> None:
    assert values.choice("never", "always")("NEVER") == "never"


@pytest.mark.parametrize("raw", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia"])
def test_a_zone_is_one_of_the_time_zone_database(raw: str) -> None:
    assert values.zone(raw) == raw


@pytest.mark.parametrize("raw", ["Europe", "Europe/Nowhere", "../etc/passwd", "", "/", "UTC+1", "Europe/Berlin\0"])
def test_what_is_no_zone_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="no time zone's name"):
        values.zone(raw)


@pytest.mark.parametrize(("raw", "good"), [("0", True), ("65535", True), ("65536", False), ("-1", False)])
def test_a_port_lies_between_0_and_65535(raw: str, good: bool) -> None:
    if good:
        assert values.port(raw) == int(raw)
    else:
        with pytest.raises(ValueError, match="65535"):
            values.port(raw)


@pytest.mark.parametrize(
    "raw",
    ["sqlite:////data/library.db", "sqlite:///library.db", "postgresql://me:secret@db/photos", "postgres:///photos"],
)
def test_the_address_of_a_database_is_taken_as_it_is(raw: str) -> None:
    assert values.database(raw) == raw


@pytest.mark.parametrize(
    "raw", ["mysql://db/photos", "library.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a\x00b"]
)
def test_what_is_no_address_of_a_database_is_refused_in_words(raw: str) -> None:
    with pytest.raises(ValueError, match=r"^it (does not begin with|names no file|holds control)"):
        values.database(raw)
