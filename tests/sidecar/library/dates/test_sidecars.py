"""Which file lies beside which picture, and what it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.library.dates import Beside, Folder, SidecarError, read_takeout, read_xmp

LONG = "Urlaub in Knaufspesch in der Schneifel (38).JPG"  # 47 characters: one more than a sidecar's name may have


@pytest.mark.parametrize(
    ("picture", "sidecar"),
    [
        ("a.jpg", "a.jpg.json"),
        ("a.jpg", "a.jpg.supplemental-metadata.json"),
        ("IMG_20200920_131207.jpg", "IMG_20200920_131207.jpg.supplemental-me.json"),
        ("a.jpg", "a.jpg.s.json"),
        ("a.jpg", "a.jpg..json"),
        ("a.JPG", "a.jpg.json"),
        ("a(1).jpg", "a.jpg(1).json"),
        ("a(1).jpg", "a.jpg.supplemental-metadata(1).json"),
        ("EFFECTS(16).jpg", "EFFECTS.jpg.supplemental-metadat(16).json"),
        ("a(1).jpg", "a(1).jpg.supplemental-metadata.json"),
        ("a-edited.jpg", "a.jpg.supplemental-metadata.json"),
        ("a-bearbeitet.jpg", "a.jpg.json"),
        ("a-edited(1).jpg", "a.jpg(1).json"),
        ("Negative0-36-35(1)-editat.jpg", "Negative0-36-35(1).jpg.supplemental-metadata.json"),
        ("Negative0-36-35(1)-editat(1).jpg", "Negative0-36-35(1).jpg.supplemental-metadata(1).json"),
        ("IMG-20230325-WA0122~2-edited.jpg", "IMG-20230325-WA0122~2.jpg.supplemental-metadat.json"),
        ("2013-12-23(1).jpg", "2013-12-23.supplemental-metadata(1).json"),
        ("Peanut Butter Balls.jpg", "Peanut Butter Balls.supplemental-metadata.json"),
        ("2234089303984509579-edited.jpg", "2234089303984509579.supplemental-metadata.json"),
        ("IMG_1234.MP4", "IMG_1234.HEIC.supplemental-metadata.json"),
        ("PXL_20240131_123045678.MP", "PXL_20240131_123045678.MP.jpg.json"),
        (LONG, LONG[:46] + ".json"),
        ("x" * 47 + ".jpg", "x" * 46 + ".json"),
        ("x" * 47 + "(2).jpg", "x" * 46 + "(2).json"),
    ],
)
def test_takeouts_names(picture: str, sidecar: str) -> None:
    other = "another.jpg.supplemental-metadata.json"
    assert Folder([other, picture, sidecar]).beside(picture).takeout == sidecar
    assert Folder([other, picture]).beside(picture).takeout is None


def test_a_number_leads_to_the_sidecar_of_that_number() -> None:
    folder = Folder(["a.jpg.json", "a.jpg(1).json", "a.jpg(2).json"])
    assert [folder.beside(name).takeout for name in ("a.jpg", "a(1).jpg", "a(2).jpg", "a(3).jpg")] == [
        "a.jpg.json", "a.jpg(1).json", "a.jpg(2).json", None,
    ]  # fmt: skip


def test_the_sidecar_of_the_whole_name_comes_first() -> None:
    folder = Folder(["a.xmp", "a.jpg.xmp", "b.xmp", "a.mp4.json", "a.jpg.json"])
    assert folder.beside("a.jpg") == Beside("a.jpg.xmp", "a.jpg.json")
    assert folder.beside("A.NEF") == Beside("a.xmp", None)
    assert folder.beside("a.mp4") == Beside("a.xmp", "a.mp4.json")
    assert folder.beside("c.jpg") == Beside(None, None)


@given(st.text(max_size=60), st.lists(st.text(max_size=60).map(lambda it: it + ".json"), max_size=5))
def test_property_only_names_of_the_folder_are_found(picture: str, names: list[str]) -> None:
    assert Folder(names).beside(picture).takeout in {None, *names}


@given(st.text(min_size=1, max_size=40).filter(lambda it: it.casefold() == it), st.integers(0, 21))
def test_property_a_cut_suffix_is_still_the_pictures(stem: str, kept: int) -> None:
    picture = f"{stem}.jpg"
    sidecar = f"{picture}.{'supplemental-metadata'[:kept]}.json"
    assert Folder([sidecar]).beside(picture).takeout == sidecar


def takeout(**fields: Any) -> bytes:
    return json.dumps({"photoTakenTime": {"timestamp": "1706700645"}, **fields}).encode()


def test_what_takeout_tells() -> None:
    sidecar = read_takeout(
        takeout(
            title="a picture.jpg",
            description="words",
            creationTime={"timestamp": "1716700645"},
            geoData={"latitude": 52.5, "longitude": 13.4},
            people=[{"name": "Ada"}, {}, "x"],
        )
    )
    (date,) = sidecar.dates
    assert (date.instant, date.role) == (datetime(2024, 1, 31, 11, 30, 45, tzinfo=UTC), "taken")
    assert sidecar.position == (52.5, 13.4)
    assert (sidecar.title, sidecar.description, sidecar.people) == ("a picture.jpg", "words", ("Ada",))


def test_the_time_of_the_upload_is_not_taken_for_that_of_the_picture() -> None:
    (date,) = read_takeout(takeout(creationTime={"timestamp": "1706700650"})).dates
    assert (date.role, date.most) == ("saved", "low")


@pytest.mark.parametrize(
    "where", [{"latitude": 0.0, "longitude": 0.0}, {"latitude": 91, "longitude": 1}, {}, None, [1]]
)
def test_no_position_is_none(where: Any) -> None:
    assert read_takeout(takeout(geoData=where)).position is None


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'{"title": "Album"}', b"\xff\xfe", b"[" * 100_000, b'{"photoTakenTime": 5}', b" " * 2_000_000],
)
def test_what_is_no_sidecar_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(SidecarError, match=r"^it "):
        read_takeout(data)


@pytest.mark.parametrize("seconds", ["", "x", "9" * 30, "-" * 5, None, [], 10**13, "١٢"])
def test_a_time_that_is_none_is_left_out(seconds: Any) -> None:
    assert read_takeout(takeout(photoTakenTime={"timestamp": seconds})).dates == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(["photoTakenTime", "creationTime", "geoData", "geoDataExif", "title", "people", "timestamp"])
TIMES = st.builds(lambda value: {"timestamp": value}, JSON)


@given(st.dictionaries(FIELDS, JSON | TIMES, max_size=6))
def test_property_any_json_is_read_or_refused(table: dict[str, Any]) -> None:
    try:
        sidecar = read_takeout(json.dumps(table).encode())
    except SidecarError:
        return
    assert sidecar.kind == "takeout"


def test_what_an_xmp_sidecar_tells() -> None:
    sidecar = read_xmp(
        {
            "XMP": {"DateTimeOriginal": "2024:01:31 12:30:45", "Title": "t", "GPSLatitude": "52 deg 30' 0.00\" N",
                    "GPSLongitude": "13 deg 24' 0.00\" E"},
            "EXIF": {"DateTimeOriginal": "2001:01:01 01:01:01"},
        }
    )  # fmt: skip
    assert [(date.source, date.family, date.text) for date in sidecar.dates] == [
        ("xmp:DateTimeOriginal", "sidecar", "2024:01:31 12:30:45")
    ]
    assert sidecar.position == pytest.approx((52.5, 13.4))
    assert sidecar.title == "t"
