"""Dates in file names: the corpus' list, what apps call their files, round trips, and no dates out of other digits."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.library.dates.names import candidate


def clock(name: str) -> str:
    """What the name's digits say, whichever zone they are of; empty for none."""
    found = candidate(name)
    moment = found and (found.clock or found.instant)
    return moment.replace(tzinfo=None, microsecond=0).isoformat() if moment else ""


def test_the_names_of_the_corpus(corpus: Path) -> None:
    rows = list(csv.DictReader((corpus.parent / "gt/filename_dates.csv").read_text("utf-8").splitlines()))
    key = "expected_local_datetime_or_empty_for_none"
    wrong = [(row["filename"], row[key], found) for row in rows if (found := clock(row["filename"])) != row[key]]
    assert rows
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "expected", "role", "precision"),
    [
        ("IMG_20240131_123045.jpg", "2024-01-31T12:30:45", "taken", "second"),
        ("telegram_2020_01_30_09_57_18.jpg", "2020-01-30T09:57:18", "taken", "second"),
        ("Screenshot 2019_05_21 at 10.45.52.png", "2019-05-21T10:45:52", "taken", "second"),
        ("20190919_053857000_iOS.jpg", "2019-09-19T05:38:57", "taken", "second"),
        ("IMG_20240131_123045_1.jpg", "2024-01-31T12:30:45", "taken", "second"),
        ("VID_20240131_123045.mp4", "2024-01-31T12:30:45", "taken", "second"),
        ("20240131_123045(0).jpg", "2024-01-31T12:30:45", "taken", "second"),
        ("20180506_091537_DSC02122.JPG", "2018-05-06T09:15:37", "taken", "second"),
        ("2024-01-31 12.30.45.jpg", "2024-01-31T12:30:45", "taken", "second"),
        ("2024-01-31 12.30.45", "2024-01-31T12:30:45", "taken", "second"),
        ("DJI_20240131123045_0001_D.JPG", "2024-01-31T12:30:45", "taken", "second"),
        ("WIN_20240131_12_30_45_Pro.jpg", "2024-01-31T12:30:45", "taken", "second"),
        ("C360_2012-05-03-19-21-11-123.jpg", "2012-05-03T19:21:11", "taken", "second"),
        ("Screen Shot 2015-03-04 at 9.05.06 PM.png", "2015-03-04T21:05:06", "taken", "second"),
        ("Screenshot 2024-01-31 at 12.30.45 AM.png", "2024-01-31T00:30:45", "taken", "second"),
        ("Bildschirmfoto 2024-01-31 um 12.30.45.png", "2024-01-31T12:30:45", "taken", "second"),
        ("Captura de pantalla 2024-01-31 a las 12.30.45.png", "2024-01-31T12:30:45", "taken", "second"),
        ("Снимок экрана 2024-01-31 в 12.30.45.png", "2024-01-31T12:30:45", "taken", "second"),
        ("signal-2024-01-31-12-30-45-123.jpg", "2024-01-31T12:30:45", "sent", "second"),
        ("photo_2024-01-31_12-30-45.jpg", "2024-01-31T12:30:45", "sent", "second"),
        ("photo_5@31-01-2024_12-30-45.jpg", "2024-01-31T12:30:45", "sent", "second"),
        ("WhatsApp Image 2024-01-31 at 12.30.45 (1).jpeg", "2024-01-31T12:30:45", "sent", "second"),
        ("IMG-20240131-WA0001.jpg", "2024-01-31T00:00:00", "sent", "day"),
        ("IMG_20240131.jpg", "2024-01-31T00:00:00", "taken", "day"),
        ("WP_20140131_001.jpg", "2014-01-31T00:00:00", "taken", "day"),
        ("2013-12-23(1).jpg", "2013-12-23T00:00:00", "taken", "day"),
        ("31.12.2019.jpg", "2019-12-31T00:00:00", "taken", "day"),
        ("1706700645123.jpg", "2024-01-31T11:30:45", "created", "second"),
        ("FB_IMG_1706700645123.jpg", "2024-01-31T11:30:45", "saved", "second"),
        ("mmexport1706700645123.jpg", "2024-01-31T11:30:45", "saved", "second"),
    ],
)
def test_what_apps_call_their_files(name: str, expected: str, role: str, precision: str) -> None:
    found = candidate(name)
    assert found is not None
    assert (clock(name), found.role, found.precision) == (expected, role, precision)


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1234.HEIC", "DSC00012.JPG", "GOPR1234.MP4", "GX010123.MP4", "DJI_0001.JPG", "P1020304.JPG", "",
        "10152345_10152345678901234_1234567890_n.jpg", "received_1234567890123456.jpeg",
        "Snapchat-1234567890.jpg", "Screenshot (12).png",
        "a20240131b.jpg", "3f20240131aa.jpg", "123202401311.jpg", "IMG_20170230_010101.jpg", "IMG_20240131_246060.jpg",
        "2024.jpg", "0000000000.jpg", "9999999999999.png",
    ],
)  # fmt: skip
def test_what_is_no_date(name: str) -> None:
    found = candidate(name)
    assert found is None or (found.instant is not None and found.instant.year > 2100)


def test_googles_camera_writes_utc_and_others_local_time() -> None:
    pixel, other = candidate("PXL_20240131_123045678.MP.jpg"), candidate("IMG_20240131_123045678.jpg")
    assert pixel
    assert other
    assert (pixel.clock, pixel.instant) == (None, datetime(2024, 1, 31, 12, 30, 45, 678000, UTC))
    assert (other.clock, other.instant) == (datetime.fromisoformat("2024-01-31T12:30:45.678000"), None)


def test_a_day_that_might_be_a_month_is_hardly_believed() -> None:
    doubtful, sure = candidate("05.06.2019.jpg"), candidate("25.06.2019.jpg")
    assert doubtful
    assert sure
    assert doubtful.weight < sure.weight
    assert "other way round" in doubtful.doubts[0]


MOMENTS = st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2039-12-31")).map(
    lambda it: it.replace(microsecond=0)
)
FORMS = st.sampled_from(
    [
        "IMG_%Y%m%d_%H%M%S.jpg", "PXL_%Y%m%d_%H%M%S123.jpg", "%Y-%m-%d %H.%M.%S.png", "VID%Y%m%d%H%M%S.mp4",
        "Screenshot_%Y-%m-%d-%H-%M-%S-232_com.app.jpg", "signal-%Y-%m-%d-%H%M%S.jpg", "%Y_%m_%d_%H_%M_%S.mp4",
        "x_BURST%Y%m%d%H%M%S_COVER.jpg", "photo_1@%d-%m-%Y_%H-%M-%S.jpg", "Foto %Y-%m-%d at %I.%M.%S %p.heic",
        "%Y%m%dT%H%M%SZ.jpg", "%Y%m%d_%H%M%S_IMG_0001.JPG",
    ]
)  # fmt: skip


@given(MOMENTS, FORMS)
def test_property_a_moment_comes_back_out_of_the_name_made_of_it(moment: datetime, form: str) -> None:
    assert clock(moment.strftime(form)) == moment.isoformat()


@given(MOMENTS, st.sampled_from(["", "IMG_", "fb_img_", "image-"]), st.integers(0, 999))
def test_property_milliseconds_come_back(moment: datetime, prefix: str, fraction: int) -> None:
    instant = moment.replace(tzinfo=UTC, year=max(moment.year, 2002), day=min(moment.day, 28))
    since = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    found = candidate(f"{prefix}{since}{fraction:03}.jpg")
    assert found
    assert found.instant == instant + timedelta(milliseconds=fraction)


@settings(max_examples=200)
@given(
    st.text(max_size=60)
    | st.from_regex(r"[0-9_\-. :TZ]{0,40}", fullmatch=True)
    | st.text("0123456789-_.a", max_size=30)
)
def test_property_no_name_raises_and_what_is_found_stands_in_it(name: str) -> None:
    found = candidate(name)
    if found and found.clock:
        assert f"{found.clock.year:04}" in name
        assert f"{found.clock.day:02}" in name


@given(MOMENTS, st.integers(1, 9), st.sampled_from(["%Y%m%d", "%Y%m%d%H%M%S"]), st.booleans())
def test_property_digits_inside_longer_numbers_are_no_date(
    moment: datetime, more: int, form: str, before: bool
) -> None:
    digits = moment.strftime(form)
    # 17 or 18 digits are the time with parts of a second; 10 and 13 a number of seconds.
    name = f"IMG_{more}{digits}.jpg" if before else f"IMG_{digits}{str(more) * (3 if len(digits) == 8 else 5)}.jpg"
    found = candidate(name)
    assert found is None or found.clock is None


@given(MOMENTS)
def test_property_an_impossible_time_is_not_even_a_day(moment: datetime) -> None:
    assert candidate(f"IMG_{moment:%Y%m%d}_{moment.hour + 24:02}{moment:%M%S}.jpg") is None
