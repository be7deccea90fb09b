"""Analyses of dates and positions, with facts planted by ExifTool and read by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import jpeg, kinds, metadata, plant, scene, subject

from mediabridge.sidecar.analysis import dates, gps, timeline
from mediabridge.sidecar.analysis.model import Examined, NotApplicable, Subject

Plant = Callable[..., Subject]
GPS_TIME = ("-GPSDateStamp=2024:07:01", "-GPSTimeStamp=10:00:00")
TAKEN = "-DateTimeOriginal=2024:07:01 12:00:00"
ROME = ("-GPSLatitude=41.9", "-GPSLatitudeRef=N", "-GPSLongitude=12.5", "-GPSLongitudeRef=E")


@pytest.fixture
def planted(exiftool: Path, tmp_path: Path) -> Plant:
    """A small JPEG with tags."""

    def make(*tags: str, name: str = "a.jpg") -> Subject:
        path = tmp_path / name
        path.write_bytes(jpeg(scene(1, 32, 32)))
        if tags:
            plant(exiftool, path, *tags)
        return subject(path, metadata(exiftool, path))

    return make


def test_a_cameras_dates_are_a_timeline_without_findings(planted: Plant) -> None:
    examined = timeline.examine(
        planted(
            TAKEN, "-CreateDate=2024:07:01 12:00:00", "-ModifyDate=2024:07:01 12:00:00",
            "-OffsetTimeOriginal=+02:00", "-OffsetTimeDigitized=+02:00", "-OffsetTime=+02:00", *GPS_TIME,
            name="IMG_20240701_120001.jpg",
        )
    )  # fmt: skip
    assert examined.findings == ()
    assert {(row["role"], row["value"]) for row in examined.facts["dates"]} >= {
        ("taken", "2024-07-01T12:00:00+02:00"),
        ("digitised", "2024-07-01T12:00:00+02:00"),
        ("satellite", "2024-07-01T10:00:00+00:00"),
        ("name", "2024-07-01T12:00:01"),
    }


CONTRADICTIONS = [
    ([TAKEN, "-CreateDate=2024:06:30 12:00:00"], "digitisedBeforeTaken"),
    ([TAKEN, "-ModifyDate=2023:07:01 12:00:00"], "modifiedBeforeCreated"),
    (
        ["-XMP:CreateDate=2024:07:01 12:00:00+02:00", "-XMP:ModifyDate=2024:07:01 11:59:00+02:00"],
        "modifiedBeforeCreated",
    ),
    ([TAKEN, "-OffsetTimeOriginal=+03:00", *GPS_TIME], "satelliteTimeMismatch"),
    ([TAKEN, "-GPSDateStamp=2024:06:29", "-GPSTimeStamp=10:00:00"], "satelliteTimeMismatch"),
    ([TAKEN, "-GPSDateStamp=2024:07:01", "-GPSTimeStamp=10:07:30"], "satelliteTimeOdd"),
    (["-DateTimeOriginal=2031:01:01 00:00:00"], "futureDate"),
    (["-DateTimeOriginal=1980:01:01 00:00:05"], "clockNotSet"),
    ([TAKEN, "-XMP-photoshop:DateCreated=2024:07:03 12:07:11"], "datesDisagree"),
    ([TAKEN, "-XMP-photoshop:DateCreated=2024:07:01 14:00:00"], "datesDisagree"),
    (["-DateTimeOriginal#=2024:13:45 12:00:00"], "impossibleDate"),
]


@pytest.mark.parametrize(
    ("tags", "kind"), CONTRADICTIONS, ids=[f"{kind}-{i}" for i, (_, kind) in enumerate(CONTRADICTIONS)]
)
def test_contradictions_are_told(planted: Plant, tags: list[str], kind: str) -> None:
    assert kinds(timeline.examine(planted(*tags))) == {kind}


@pytest.mark.parametrize(
    "tags",
    [
        [TAKEN, "-XMP-photoshop:DateCreated=2024:07:01"],
        [TAKEN, "-IPTC:DateCreated=2024:07:01", "-IPTC:TimeCreated=12:00:00+00:00"],
        [TAKEN, "-ModifyDate=2024:07:01 11:59:59"],
        [TAKEN, *GPS_TIME],
        [TAKEN, "-OffsetTimeOriginal=+02:00", "-XMP:DateTimeOriginal=2024:07:01 10:00:00Z"],
        ["-DateTimeOriginal=2026:06:01 20:00:00"],  # may be now, somewhere on Earth
        ["-DateTimeOriginal#=0000:00:00 00:00:00", "-CreateDate=2024:07:01 12:00:00"],
    ],
)
def test_what_may_agree_is_no_contradiction(planted: Plant, tags: list[str]) -> None:
    assert kinds(timeline.examine(planted(*tags))) == set()


def test_a_name_with_another_date_is_told(planted: Plant) -> None:
    assert kinds(timeline.examine(planted(TAKEN, name="IMG-20190105-WA0001.jpg"))) == {"nameDisagrees"}


def test_an_editing_history_out_of_order_is_told() -> None:
    history = [{"Action": "saved", "When": "2024:07:02 10:00:00Z"}, {"Action": "saved", "When": "2024:07:01 10:00:00Z"}]
    examined = timeline.examine(subject(Path("a.jpg"), {"XMP": {"History": history}}))
    assert kinds(examined) == {"historyOutOfOrder"}


def test_a_colour_profiles_date_is_no_date_of_the_picture() -> None:
    with pytest.raises(NotApplicable):
        timeline.examine(subject(Path("a.jpg"), {"ICC_Profile": {"ProfileDateTime": "1998:02:09 06:49:00"}}))


# Of a date's form, and now and then a date: numbers up to 99 in place of months, days, hours.
TEXTS = st.builds(
    lambda year, parts, end: f"{year:04}:{parts[0]:02}:{parts[1]:02}" + end.format(*parts),
    st.integers(0, 9999),
    st.tuples(*[st.integers(0, 99)] * 3),
    st.sampled_from(["", " {2:02}:{0:02}", " {2:02}:{0:02}:{1:02}", " {2:02}:{0:02}:{1:02}.5Z", " 10:00:00+{2:02}:00"]),
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["EXIF", "XMP", "PDF", "IPTC", "GPS", "QuickTime"]),
        st.dictionaries(
            st.sampled_from(
                ["DateTimeOriginal", "CreateDate", "ModifyDate", "DateCreated", "TimeCreated", "OffsetTime",
                 "OffsetTimeOriginal", "GPSDateStamp", "GPSTimeStamp", "GPSLatitude", "GPSLongitude", "GPSAltitude"]
            ),
            TEXTS | st.text(max_size=12) | st.integers() | st.floats(allow_nan=False),
        ),
    )
)  # fmt: skip
def test_no_tags_make_either_analysis_raise(tags: dict[str, dict[str, Any]]) -> None:
    for examine in (timeline.examine, gps.examine):
        try:
            examine(subject(Path("a.jpg"), tags))
        except NotApplicable:
            continue


@settings(deadline=None)
@given(
    st.datetimes(min_value=dates.datetime(1000, 1, 1), max_value=dates.datetime(9998, 12, 31)), st.integers(-839, 839)
)
def test_a_date_comes_back_as_it_was(clock: Any, minutes: int) -> None:
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{clock:%Y:%m:%d %H:%M:%S}".rjust(19, "0") + f"{sign}{size // 60:02}:{size % 60:02}"
    moment = dates.parse(text, "EXIF:CreateDate", "digitised")
    assert moment is not None
    assert moment.clock == clock.replace(microsecond=0)
    assert moment.offset == dates.timedelta(minutes=minutes)


def test_an_ordinary_position_is_no_finding(planted: Plant) -> None:
    examined = gps.examine(
        planted(
            TAKEN, "-OffsetTimeOriginal=+02:00", *GPS_TIME, *ROME, "-GPSAltitude=21", "-GPSAltitudeRef=0", "-GPSDOP=3"
        )
    )
    assert examined.findings == ()
    (position,) = examined.facts["positions"]
    assert (position["latitude"], position["longitude"]) == (pytest.approx(41.9), pytest.approx(12.5))


def at(latitude: object, north: str, longitude: object, east: str) -> list[str]:
    return [
        f"-GPSLatitude={latitude}",
        f"-GPSLatitudeRef={north}",
        f"-GPSLongitude={longitude}",
        f"-GPSLongitudeRef={east}",
    ]


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        (at(0, "N", 0, "E"), "positionZero"),
        (at(95, "N", 12, "E"), "positionOutOfRange"),
        (at(12, "N", 181.5, "W"), "positionOutOfRange"),
        (at(48, "N", 0, "E"), "positionOdd"),
        (["-GPSLatitude=48", "-GPSLatitudeRef=N"], "positionUnreadable"),
        ([*ROME, "-GPSDateStamp=2031:01:01", "-GPSTimeStamp=00:00:00"], "satelliteTimeInFuture"),
        ([*ROME, "-GPSDateStamp=2031:01:01"], "satelliteTimeInFuture"),
        ([*ROME, "-GPSAltitude=90000", "-GPSAltitudeRef=0"], "altitudeImplausible"),
        ([*ROME, "-GPSAltitude=900", "-GPSAltitudeRef#=1"], "altitudeImplausible"),
        ([*ROME, "-GPSSpeed=3000", "-GPSSpeedRef=K"], "speedImplausible"),
        ([*ROME, "-GPSDOP=99"], "positionPoor"),
        ([*ROME, "-GPSStatus#=V"], "positionVoid"),
        ([*ROME, "-XMP:GPSLatitude=-33.9", "-XMP:GPSLongitude=18.4"], "positionsDisagree"),
        ([*ROME, TAKEN, "-OffsetTimeOriginal=-08:00"], "zoneAgainstPosition"),
    ],
)
def test_implausible_positions_are_told(planted: Plant, tags: list[str], kind: str) -> None:
    assert kinds(gps.examine(planted(*tags))) == {kind}


def test_the_southwest_is_negative(planted: Plant) -> None:
    examined: Examined = gps.examine(planted(*at(33.5, "S", 70.25, "W")))
    (position,) = examined.facts["positions"]
    assert (position["latitude"], position["longitude"]) == (pytest.approx(-33.5), pytest.approx(-70.25))


def test_without_a_position_there_is_nothing_to_say(planted: Plant) -> None:
    with pytest.raises(NotApplicable):
        gps.examine(planted(TAKEN))


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [((41.9, 12.5), (52.52, 13.405), 1183), ((0, 179.5), (0, -179.5), 111), ((90, 0), (-90, 0), 20015)],
)
def test_distances_are_those_of_the_great_circle(
    one: tuple[float, float], other: tuple[float, float], kilometres: float
) -> None:
    assert gps.distance_km(gps.Position("", *one), gps.Position("", *other)) == pytest.approx(kilometres, rel=0.01)
