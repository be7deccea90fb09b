"""Times and folder names as people write them."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.library import folders, moments

clocks = st.datetimes()


@given(clocks)
def test_property_a_clock_is_kept_to_the_microsecond(clock: datetime) -> None:
    us = moments.us_of(clock)
    assert moments.clock_of(us) == clock
    assert datetime.fromisoformat(moments.clock_text(us)) == clock
    assert moments.month_text(moments.month_of(us)) == clock.strftime("%4Y-%m" if clock.year < 1000 else "%Y-%m")


@given(clocks, clocks)
def test_property_later_clocks_are_greater(one: datetime, other: datetime) -> None:
    assert (one < other) == (moments.us_of(one) < moments.us_of(other))


@given(st.datetimes())
def test_property_a_bound_holds_all_of_what_is_written(clock: datetime) -> None:
    us = moments.us_of(clock)
    written = clock.isoformat()
    for text in (written[:4], written[:7], written[:10], written[:19], written):
        assert moments.bound(text, last=False) <= us <= moments.bound(text, last=True)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01T00:00:00", "2024-12-31T23:59:59.999999"),
        ("2024-02", "2024-02-01T00:00:00", "2024-02-29T23:59:59.999999"),
        ("2024-12", "2024-12-01T00:00:00", "2024-12-31T23:59:59.999999"),
        ("2024-12-31", "2024-12-31T00:00:00", "2024-12-31T23:59:59.999999"),
        ("9999", "9999-01-01T00:00:00", "9999-12-31T23:59:59.999999"),  # as "without an end"
        ("9999-12-31T23:59:59", "9999-12-31T23:59:59", "9999-12-31T23:59:59.999999"),
        ("2024-12-31T10:00", "2024-12-31T10:00:00", "2024-12-31T10:00:00.999999"),
    ],
)
def test_what_is_included(text: str, first: str, last: str) -> None:
    assert moments.clock_text(moments.bound(text, last=False)) == first
    assert moments.clock_text(moments.bound(text, last=True)) == last


@pytest.mark.parametrize("text", ["", "24", "2024-13", "2024-02-30", "tomorrow", "2024-01-01T00:00Z", "0000", "٢٠٢٤"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it (is no date|has a zone)"):
        moments.bound(text, last=True)


@pytest.mark.parametrize(
    ("text", "clock", "minutes"),
    [
        ("2024-01-31", "2024-01-31T12:00:00", None),
        ("2024-01-31T08:15:00", "2024-01-31T08:15:00", None),
        ("2024-01-31T08:15:00-03:30", "2024-01-31T08:15:00", -210),
        ("2024-01-31T08:15:00Z", "2024-01-31T08:15:00", 0),
    ],
)
def test_a_date_that_somebody_chooses(text: str, clock: str, minutes: int | None) -> None:
    us, offset = moments.chosen(text)
    assert (moments.clock_text(us), offset) == (clock, minutes)


@pytest.mark.parametrize("text", ["", "2024", "31.1.2024", "2024-01-31T25:00", "2024-01-31T08:00+20:00"])
def test_a_date_that_cannot_be_chosen(text: str) -> None:
    with pytest.raises(ValueError, match=r"^its? "):
        moments.chosen(text)


def test_offsets_and_instants() -> None:
    assert [moments.offset_text(minutes) for minutes in (0, 60, -210, 765)] == ["+00:00", "+01:00", "-03:30", "+12:45"]
    us = moments.us_of(datetime.fromisoformat("2024-01-01T00:30:00"))
    assert moments.utc_of(us, 60).isoformat() == "2023-12-31T23:30:00+00:00"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/p/Rome/a.jpg", ["Rome"]),
        ("/p/2024/05/2024-05-03/a.jpg", []),
        ("/p/2024-05-03 Rome & Vatican/a.jpg", ["Rome & Vatican"]),
        ("/p/20240503_Rome/a.jpg", ["Rome"]),
        ("/p/3 Zinnen/a.jpg", ["3 Zinnen"]),  # no date
        ("/p/DCIM/100APPLE/a.jpg", []),
        ("/p/DCIM/104_PANA/Camera Roll/a.jpg", []),
        ("/p/Italy/Rome/Italy/a.jpg", ["Italy", "Rome"]),
        ("/p/with_under_score/a.jpg", ["with under score"]),
        ("/p/a\u202eb\n/a.jpg", ["a b"]),
        ("/p/" + "x" * 150 + "/a.jpg", ["x" * 100]),
        ("/p/a.jpg", []),
        ("/pq/Rome/a.jpg", []),
    ],
)
def test_which_folder_names_say_something(path: str, words: list[str]) -> None:
    assert folders.words(path.encode(), b"/p") == folders.words(path.encode(), b"/p/") == words


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda name: b"/" not in name and b"\0" not in name)))
def test_property_whatever_a_folder_is_called_its_words_can_be_tags(names: list[bytes]) -> None:
    from mediabridge.sidecar.library.tags import proper

    for word in folders.words(b"/".join([b"/p", *names, b"file"]), b"/p"):
        assert proper(word)
