"""What each tier sees."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.extraction.view import view
from mediabridge.sidecar.faults import InvalidRequest, PayloadTooLarge
from mediabridge.sidecar.limits import MIB, check_size, find_tier, megabytes, tiers

SIZES = {"free": 10, "premium": 100, "forensic": 500, "enterprise": 2048}
TIERS = tiers({name: size * MIB for name, size in SIZES.items()})
FULL = {
    "ExifTool": {"ExifToolVersion": 12.57},
    "File": {"FileType": "JPEG"},
    "EXIF": {"Make": "Canon", "GPSInfo": "120"},
    "GPS": {"GPSLatitude": "52 deg"},
    "MakerNotes": {"SerialNumber": 1},
    "XMP": {"Title": "x", "GPSLatitude": "52 deg", "Place": [{"City": "B", "LocationGPSLatitude": "52 deg"}]},
    "QuickTime": {"GPSCoordinates": "52 deg", "LocationInformation": "52 deg", "Duration": 1},
    "Composite": {"GPSPosition": "52 deg", "GPSDateTime": "52 deg", "ImageSize": "1x1", "GeolocationCity": "52 deg"},
}


@pytest.mark.parametrize("name", ["forensic", "enterprise"])
def test_the_upper_tiers_see_everything(name: str) -> None:
    seen = view(FULL, TIERS[name].shows)
    assert (seen.metadata, seen.locked) == (FULL, ())
    assert seen.returned == seen.available == 16


def test_premium_sees_neither_maker_notes_nor_the_position() -> None:
    seen = view(FULL, TIERS["premium"].shows)
    assert seen.locked == ("GPS", "MakerNotes")
    assert "52 deg" not in json.dumps(seen.metadata)
    assert seen.metadata["XMP"] == {"Title": "x", "Place": [{"City": "B"}]}
    assert seen.metadata["QuickTime"] == {"Duration": 1}


def test_free_sees_the_basic_groups_alone() -> None:
    seen = view(FULL, TIERS["free"].shows)
    assert seen.locked == ("GPS", "MakerNotes", "QuickTime", "XMP")
    assert seen.metadata == {
        "ExifTool": {"ExifToolVersion": 12.57},
        "File": {"FileType": "JPEG"},
        "EXIF": {"Make": "Canon"},
        "Composite": {"ImageSize": "1x1"},
    }


def test_a_position_outside_the_gps_group_locks_gps() -> None:
    seen = view({"Composite": {"GPSPosition": "x"}}, TIERS["premium"].shows)
    assert (seen.metadata, seen.returned, seen.available, seen.locked) == ({}, 0, 1, ("GPS",))


def test_nothing_is_locked_in_a_file_that_has_nothing_to_lock() -> None:
    assert view({"File": {"FileType": "TXT"}}, TIERS["free"].shows).locked == ()


@given(st.dictionaries(st.sampled_from(sorted(FULL)), st.dictionaries(st.text(max_size=8), st.integers(), min_size=1)))
def test_a_tier_sees_no_tag_that_the_file_does_not_have(metadata: dict[str, dict[str, int]]) -> None:
    for tier in TIERS.values():
        seen = view(metadata, tier.shows)
        assert all(
            metadata[group][tag] == value for group, tags in seen.metadata.items() for tag, value in tags.items()
        )
        assert (seen.returned < seen.available) <= bool(seen.locked)


def test_each_tier_has_its_size() -> None:
    assert {name: tier.max_bytes // MIB for name, tier in TIERS.items()} == SIZES


def test_a_file_over_the_limit_names_file_tier_and_limit() -> None:
    check_size("a.jpg", 10 * MIB, TIERS["free"])
    with pytest.raises(PayloadTooLarge, match=r"a\.jpg .* the tier free takes files up to 10 MB \(10485760 bytes\)"):
        check_size("a.jpg", 10 * MIB + 1, TIERS["free"])


def test_an_unknown_tier_names_the_field_and_the_words() -> None:
    with pytest.raises(InvalidRequest, match=r"tier: 'gold' is none of free, premium, forensic, enterprise"):
        find_tier(TIERS, "gold")


@pytest.mark.parametrize(("word", "name"), [("", "enterprise"), (" Free ", "free"), ("FORENSIC", "forensic")])
def test_tiers_are_found_in_any_case(word: str, name: str) -> None:
    assert find_tier(TIERS, word).name == name


def test_sizes_are_written_for_people() -> None:
    assert (megabytes(10 * MIB), megabytes(MIB + MIB // 2)) == ("10 MB", "1.5 MB")
