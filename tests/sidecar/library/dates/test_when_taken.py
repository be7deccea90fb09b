"""One answer out of many dates: which one, how sure, in which zone, and what is not believed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.library.dates import (
    Evidence,
    FileDates,
    Sidecar,
    Taken,
    position,
    read_takeout,
    read_xmp,
    when_taken,
    zone_at,
    zone_of,
)

NOW = datetime(2026, 11, 25, 20, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
ORIGINAL = {"DateTimeOriginal": "2024:01:31 12:30:45"}


def asked(
    metadata: dict[str, dict[str, Any]] | None = None,
    name: str = "a.jpg",
    *sidecars: Sidecar,
    modified: datetime | None = None,
    zone: str = "Europe/Berlin",
) -> Taken:
    files = FileDates(modified=modified)
    return when_taken(Evidence(metadata or {}, name, zone_of(zone), NOW, files, sidecars, zone_at))


def exif(original: str, **tags: Any) -> dict[str, dict[str, Any]]:
    return {"EXIF": {"DateTimeOriginal": original, **tags}}


def google(moment: datetime) -> Sidecar:
    return read_takeout(f'{{"photoTakenTime": {{"timestamp": "{moment.timestamp():.0f}"}}}}'.encode())


def answer(taken: Taken) -> tuple[str, str | None, str]:
    return (taken.moment.isoformat(" ") if taken.moment else "", taken.source, taken.confidence)


def test_the_cameras_own_date_is_best() -> None:
    taken = asked(exif("2024:01:31 12:30:45", CreateDate="2024:01:31 12:30:45", ModifyDate="2024:05:01 00:10:00"))
    assert answer(taken) == ("2024-01-31 12:30:45", "EXIF:DateTimeOriginal", "high")
    assert (taken.offset, taken.zone_source) == (timedelta(hours=1), "setting")
    assert taken.utc == datetime(2024, 1, 31, 11, 30, 45, tzinfo=UTC)


def test_nothing_is_none_and_says_so() -> None:
    taken = asked()
    assert (taken.moment, taken.utc, taken.precision, taken.confidence) == (None, None, None, "none")
    assert taken.reasons == ("nothing tells when it was taken",)


def test_the_files_own_date_is_a_low_guess_with_its_reason() -> None:
    taken = asked(modified=datetime(2020, 5, 1, 10, tzinfo=UTC))
    assert answer(taken) == ("2020-05-01 12:00:00", "file:modified", "low")
    assert any("copy" in reason for reason in taken.reasons)


def test_digitised_alone_is_medium_and_sure_with_the_name() -> None:
    metadata = {"EXIF": {"CreateDate": "2024:01:31 12:30:45"}}
    assert asked(metadata).confidence == "medium"
    assert asked(metadata, "IMG_20240131_123046.jpg").confidence == "high"


def test_a_name_alone_is_medium_and_a_chats_name_low() -> None:
    assert answer(asked(name="IMG_20240131_123045.jpg")) == ("2024-01-31 12:30:45", "name", "medium")
    assert answer(asked(name="IMG-20240131-WA0001.jpg")) == ("2024-01-31 00:00:00", "name", "low")


def test_a_day_takes_its_time_from_one_who_knows_it() -> None:
    taken = asked({"IPTC": {"DateCreated": "2024:01:31"}}, "IMG_20240131_123045.jpg")
    assert (taken.moment, taken.precision) == (datetime.fromisoformat("2024-01-31T12:30:45"), "second")


@pytest.mark.parametrize(
    ("original", "why"),
    [
        ("2031:01:31 12:30:45", "future"),
        ("1970:01:01 00:00:07", "Unix"),
        ("1980:01:01 00:00:00", "FAT"),
        ("1904:01:01 00:00:00", "QuickTime"),
        ("2000:01:01 00:01:07", "battery"),
        ("2023:02:29 12:00:00", "no such date"),
        ("2023:01:31 24:60:00", "no such date"),
        ("1023:01:31 12:00:00", "before photography"),
    ],
)
def test_what_no_picture_can_have_is_refused_with_its_reason(original: str, why: str) -> None:
    taken = asked(exif(original))
    assert (taken.moment, taken.confidence) == (None, "none")
    assert why in taken.reasons[0]
    assert "EXIF:DateTimeOriginal" in taken.reasons[0]
    assert answer(asked(exif(original), "IMG_20240131_123045.jpg"))[1:] == ("name", "medium")


@pytest.mark.parametrize(
    ("original", "confidence"),
    [
        ("2024:02:29 12:00:00", "high"),
        ("2012:01:01 00:00:00", "low"),
        ("2012:01:01 12:00:00", "low"),
        ("2000:01:01 15:00:00", "low"),
        ("2012:06:01 00:00:00", "medium"),
        ("1953:06:01 12:00:00", "medium"),
        ("2012", "low"),
        ("2012:06:00", "low"),
    ],
)
def test_what_is_doubtful_is_never_sure(original: str, confidence: str) -> None:
    taken = asked(exif(original, CreateDate=original), "a.jpg")
    assert taken.confidence == confidence
    assert confidence == "high" or len(taken.reasons) > 1


@pytest.mark.parametrize(
    "empty", ["0000:00:00 00:00:00", "    :  :     :  :  ", "", "0001:01:01 00:00:00", "unknown", 0]
)
def test_an_empty_date_is_not_even_refused(empty: Any) -> None:
    assert asked(exif(empty)).reasons == ("nothing tells when it was taken",)


def test_the_offset_of_its_tag_comes_first() -> None:
    place = {"Composite": {"GPSLatitude": "37 deg 22' 0.00\" N", "GPSLongitude": "122 deg 2' 0.00\" W"}}
    with_tag = asked({**place, "EXIF": {**ORIGINAL, "OffsetTimeOriginal": "+09:00"}})
    assert (with_tag.offset, with_tag.zone_source) == (timedelta(hours=9), "tag")
    without = asked({**place, "EXIF": ORIGINAL})
    assert (without.offset, without.zone_source) == (timedelta(hours=-8), "position")
    satellite = {"GPS": {"GPSDateStamp": "2024:01:31", "GPSTimeStamp": "07:00:30"}}
    fixed = asked({**satellite, "EXIF": ORIGINAL})
    assert (fixed.offset, fixed.zone_source) == (timedelta(hours=5, minutes=30), "gps-time")


def test_summer_time_of_the_place_is_heeded() -> None:
    place = {"Composite": {"GPSLatitude": 52.5, "GPSLongitude": 13.4}}
    offsets = [asked({**place, **exif(f"2024:{month}:15 12:00:00")}, zone="UTC").offset for month in ("01", "07")]
    assert offsets == [timedelta(hours=1), timedelta(hours=2)]


def test_the_hour_that_comes_twice_is_said() -> None:
    assert any("summer time changed" in reason for reason in asked(exif("2024:10:27 02:30:00")).reasons)
    assert not any("summer time changed" in reason for reason in asked(exif("2024:10:26 02:30:00")).reasons)


def test_quicktimes_date_is_utc() -> None:
    metadata = {"QuickTime": {"CreateDate": "2024:01:31 11:30:45", "Make": "Apple"}}
    taken = asked(metadata)
    assert answer(taken) == ("2024-01-31 12:30:45", "QuickTime:CreateDate", "medium")
    assert taken.utc == datetime(2024, 1, 31, 11, 30, 45, tzinfo=UTC)
    named = asked(metadata, "VID_20240131_173045.mp4")
    assert (answer(named)[0], named.confidence) == ("2024-01-31 17:30:45", "high")
    assert (named.offset, named.zone_source) == (timedelta(hours=6), "utc-date")


@pytest.mark.parametrize("tags", [{"Make": "NIKON CORPORATION"}, {"CompressorName": "GoPro AVC encoder"}])
def test_makers_that_write_local_time_are_known(tags: dict[str, str]) -> None:
    taken = asked({"QuickTime": {"CreateDate": "2024:01:31 11:30:45", **tags}})
    assert answer(taken) == ("2024-01-31 11:30:45", "QuickTime:CreateDate", "medium")
    assert any("local time" in reason for reason in taken.reasons)


def test_apples_creation_date_has_its_zone() -> None:
    taken = asked({"QuickTime": {"CreateDate": "2024:01:31 11:30:45", "CreationDate": "2024:01:31 19:30:45+08:00"}})
    assert answer(taken) == ("2024-01-31 19:30:45", "QuickTime:CreationDate", "high")
    assert taken.offset == timedelta(hours=8)


def test_a_phones_film_is_dated_at_its_end_and_named_after_its_beginning() -> None:
    film = {"QuickTime": {"CreateDate": "2024:01:31 11:32:15", "Duration": "0:01:30", "AndroidVersion": "14"}}
    taken = asked(film, "VID_20240131_123045.mp4")
    assert (taken.moment, taken.confidence) == (datetime.fromisoformat("2024-01-31T12:30:45"), "high")
    assert taken.utc == datetime(2024, 1, 31, 11, 30, 45, tzinfo=UTC)
    abroad = asked(film, "VID_20240131_173045.mp4")
    assert (abroad.offset, abroad.confidence) == (timedelta(hours=6), "high")
    assert asked(film, "VID_20240131_123645.mp4").confidence == "low"


def test_googles_time_and_a_local_one_are_the_same_moment() -> None:
    taken = asked(
        {"EXIF": {"CreateDate": "2024:01:31 12:30:45"}}, "a.jpg", google(datetime(2024, 1, 31, 4, 30, 45, tzinfo=UTC))
    )
    assert (answer(taken)[0], taken.confidence) == ("2024-01-31 12:30:45", "high")
    assert taken.offset == timedelta(hours=8)


def test_two_who_contradict_are_never_sure() -> None:
    metadata = exif("2024:01:31 12:30:45")
    assert asked(metadata, "IMG_20190131_123045.jpg").confidence == "low"
    assert asked(metadata, "a.jpg", google(datetime(2023, 5, 1, tzinfo=UTC))).confidence == "low"
    assert asked(metadata, "a.jpg", read_xmp({"XMP": {"DateTimeOriginal": "2023:05:01 12:00:00"}})).confidence == "low"
    assert asked({**metadata, "GPS": {"GPSDateStamp": "2022:01:01", "GPSTimeStamp": "10:00:00"}}).confidence == "low"
    assert asked(metadata, "IMG_20190131.jpg").confidence == "medium"
    assert asked(metadata, "IMG_20240131_133045.jpg").confidence == "medium"  # another summer time


def test_what_may_be_later_is_no_contradiction_and_earlier_is_one() -> None:
    assert asked(ORIGINAL and exif("2024:01:31 12:30:45"), "IMG-20240210-WA0001.jpg").confidence == "high"
    assert asked(exif("2024:01:31 12:30:45"), "IMG-20230210-WA0001.jpg").confidence == "low"
    assert asked(exif("2024:01:31 12:30:45"), modified=datetime(2023, 1, 1, tzinfo=UTC)).confidence == "medium"
    assert asked(exif("2024:01:31 12:30:45"), modified=datetime(2025, 1, 1, tzinfo=UTC)).confidence == "high"


def test_a_receivers_rolled_over_week_is_its_own_fault() -> None:
    rolled = datetime.fromisoformat("2024-01-31") - timedelta(weeks=1024)
    metadata = {
        **exif("2024:01:31 12:30:45"),
        "GPS": {"GPSDateStamp": f"{rolled:%Y:%m:%d}", "GPSTimeStamp": "11:30:00"},
    }
    assert asked(metadata).confidence == "high"


def test_the_sidecars_title_is_read_where_the_name_was_shortened() -> None:
    sidecar = read_takeout(b'{"photoTakenTime": {"timestamp": ""}, "title": "IMG_20240131_123045.jpg"}')
    assert answer(asked(None, "IMG_2024.jpg", sidecar)) == ("2024-01-31 12:30:45", "name", "medium")


@pytest.mark.parametrize("number", [10**400, -(10**400), float("nan"), float("inf"), 91])
def test_a_number_that_is_no_place_is_none(number: float) -> None:
    assert position({"Composite": {"GPSLatitude": number, "GPSLongitude": 13.4}}) is None


def test_a_name_that_is_no_text_can_be_stored() -> None:
    table = asked(name="\udc80IMG_20310131_123045.jpg").to_json()
    assert "?IMG_20310131" in table["candidates"][0]["text"]
    json.dumps(table).encode().decode("unicode_escape").encode()


def test_a_profiles_date_is_none() -> None:
    assert asked({"ICC_Profile": {"ProfileDateTime": "2020:09:25 01:15:57"}}).confidence == "none"


def test_the_answer_as_json() -> None:
    table = asked(exif("2024:01:31 12:30:45", SubSecTimeOriginal=84, OffsetTimeOriginal="+01:00")).to_json()
    assert table["moment"] == "2024-01-31T12:30:45.840000"
    assert (table["utc"], table["offsetMinutes"]) == ("2024-01-31T11:30:45.840000Z", 60)
    assert (table["precision"], table["confidence"]) == ("second", "high")
    assert table["candidates"][0]["value"] == "2024-01-31T12:30:45.840000+01:00"


CLOCKS = st.datetimes(datetime.fromisoformat("2001-02-01"), datetime.fromisoformat("2025-12-31")).map(
    lambda it: it.replace(microsecond=0)
)
OFFSETS = st.integers(-48, 56).map(lambda quarters: timedelta(minutes=15 * quarters))


@settings(max_examples=150)
@given(CLOCKS.filter(lambda it: it.hour and (it.month, it.day) != (1, 1)), OFFSETS)
def test_property_a_moment_told_in_utc_and_in_local_time_is_one(clock: datetime, offset: timedelta) -> None:
    instant = (clock - offset).replace(tzinfo=UTC)
    taken = asked({"EXIF": {"CreateDate": f"{clock:%Y:%m:%d %H:%M:%S}"}}, "a.jpg", google(instant))
    assert (taken.moment, taken.utc) == (clock, instant)
    assert taken.confidence == "high"


SHIFTS = st.timedeltas(timedelta(days=3), timedelta(days=3000)).map(
    lambda it: timedelta(seconds=it // timedelta(seconds=1))
)
WITNESSES = ["name", "pixel", "google", "xmp", "satellite"]


@settings(max_examples=150)
@given(CLOCKS, SHIFTS, st.sampled_from([-1, 1]), st.sampled_from(WITNESSES), st.booleans())
def test_property_a_wrong_clock_is_never_sure_when_one_knows_better(
    truth: datetime, shift: timedelta, sign: int, witness: str, named: bool
) -> None:
    """Whoever else knows the truth, and though all tags, and perhaps the name, are of the wrong clock."""
    wrong, instant = truth + sign * shift, truth.replace(tzinfo=UTC)
    metadata = exif(f"{wrong:%Y:%m:%d %H:%M:%S}", CreateDate=f"{wrong:%Y:%m:%d %H:%M:%S}")
    name = f"IMG_{wrong:%Y%m%d_%H%M%S}.jpg" if named else "a.jpg"
    sidecars: tuple[Sidecar, ...] = ()
    if witness == "google":
        sidecars = (google(instant),)
    elif witness == "xmp":
        sidecars = (read_xmp({"XMP": {"DateTimeOriginal": f"{truth:%Y:%m:%d %H:%M:%S}"}}),)
    elif witness == "satellite":
        metadata["GPS"] = {"GPSDateStamp": f"{truth:%Y:%m:%d}", "GPSTimeStamp": f"{truth:%H:%M:%S}"}
    else:
        name = f"{'PXL' if witness == 'pixel' else 'IMG'}_{truth:%Y%m%d_%H%M%S}.jpg"
    taken = asked(metadata, name, *sidecars)
    assert taken.confidence != "high" or taken.moment == truth, taken


TAGS = st.sampled_from(
    [("EXIF", "DateTimeOriginal"), ("EXIF", "CreateDate"), ("EXIF", "ModifyDate"), ("EXIF", "OffsetTimeOriginal"),
     ("EXIF", "SubSecTimeOriginal"), ("XMP", "DateCreated"), ("IPTC", "DateCreated"), ("IPTC", "TimeCreated"),
     ("QuickTime", "CreateDate"), ("QuickTime", "Make"), ("GPS", "GPSDateStamp"), ("GPS", "GPSTimeStamp"),
     ("Composite", "GPSLatitude"), ("Composite", "GPSLongitude"), ("PNG", "CreationTime"), ("GPS", "GPSLatitude")]
)  # fmt: skip
VALUES = (
    st.text(max_size=30) | st.integers() | st.floats() | st.none() | st.lists(st.text(max_size=5), max_size=2)
    | st.from_regex(r"\d{4}:\d\d:\d\d( \d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?", fullmatch=True)
    | CLOCKS.map(lambda it: f"{it:%Y:%m:%d %H:%M:%S}")
    | st.from_regex(r"[0-9]{1,3} deg [0-9]{1,2}' [NSEW]", fullmatch=True)
)  # fmt: skip


@settings(max_examples=200)
@given(st.dictionaries(TAGS, VALUES, max_size=8), st.text(max_size=20) | CLOCKS.map("IMG_{:%Y%m%d_%H%M%S}.jpg".format))
def test_property_whatever_the_tags_hold_there_is_an_answer_with_reasons(tags: dict[Any, Any], name: str) -> None:
    metadata: dict[str, dict[str, Any]] = {}
    for (group, tag), value in tags.items():
        metadata.setdefault(group, {})[tag] = value
    taken = asked(metadata, name)
    assert taken.reasons
    assert (taken.moment is None) == (taken.confidence == "none")
    assert taken.moment is None or taken.moment < NOW.replace(tzinfo=None) + timedelta(hours=40)
    taken.to_json()
