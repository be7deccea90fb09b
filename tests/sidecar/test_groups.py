"""ExifTool's JSON -> groups: nothing is lost, nothing of our copy is told, every value keeps its type."""

from __future__ import annotations

import contextlib
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.extraction import groups

NAMES = st.text("ABCabc-", min_size=1, max_size=3)
FAMILIES0 = st.sampled_from(["EXIF", "File", "XMP", "MakerNotes", "Composite"])
FAMILIES1 = st.sampled_from(["IFD0", "IFD1", "GPS", "ExifIFD", "XMP-dc", "Canon"])
KEYS = st.one_of(
    st.tuples(FAMILIES0, NAMES).map(":".join),
    st.tuples(FAMILIES0, FAMILIES1, NAMES).map(":".join),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def one(text: str) -> groups.Pairs:
    return groups.parse(f"[{{{text}}}]".encode())


@given(st.lists(st.tuples(KEYS, VALUES), max_size=40))
def test_no_value_is_lost_whatever_names_collide(pairs: groups.Pairs) -> None:
    regrouped = groups.regroup(pairs, "a.jpg")
    want = Counter(json.dumps(value, sort_keys=True) for _, value in pairs)
    got = Counter(json.dumps(value, sort_keys=True) for tags in regrouped.values() for value in tags.values())
    assert got == want
    assert groups.count(regrouped) == len(pairs)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=40))
def test_the_first_of_a_name_keeps_it(pairs: groups.Pairs) -> None:
    regrouped = groups.regroup(pairs, "a.jpg")
    seen: set[tuple[str, str]] = set()
    for key, value in pairs:
        parts = key.split(":")
        group = "GPS" if len(parts) == 3 and parts[1] == "GPS" else parts[0]
        if (group, parts[-1]) not in seen:
            seen.add((group, parts[-1]))
            assert regrouped[group][parts[-1]] == value


def test_later_ones_are_called_after_their_directory_and_then_numbered() -> None:
    pairs = [(f"EXIF:{place}:XResolution", number) for number, place in enumerate(["IFD0", "IFD1", "IFD1", "IFD1"])]
    assert groups.regroup(pairs, "") == {
        "EXIF": {"XResolution": 0, "IFD1:XResolution": 1, "IFD1:XResolution#2": 2, "IFD1:XResolution#3": 3}
    }


def test_tags_of_the_gps_directory_stand_apart() -> None:
    pairs = [("EXIF:GPS:GPSLatitude", "x"), ("Composite:GPSLatitude", "y"), ("EXIF:IFD0:Make", "z")]
    assert groups.regroup(pairs, "") == {
        "GPS": {"GPSLatitude": "x"},
        "Composite": {"GPSLatitude": "y"},
        "EXIF": {"Make": "z"},
    }


def test_what_describes_our_copy_is_left_out() -> None:
    ours = ["Directory", "FileModifyDate", "FileAccessDate", "FileInodeChangeDate", "FileCreateDate", "FilePermissions"]
    pairs = [("SourceFile", "/tmp/x"), *((f"File:System:{tag}", "secret") for tag in ours)]
    assert groups.regroup([*pairs, ("File:System:FileSize", "1 kB")], "a.jpg") == {"File": {"FileSize": "1 kB"}}


def test_a_tag_of_the_same_name_elsewhere_stays() -> None:
    assert groups.regroup([("XMP:XMP-x:Directory", "kept")], "") == {"XMP": {"Directory": "kept"}}


def test_the_file_name_is_the_clients() -> None:
    assert groups.regroup([("File:System:FileName", "f00.jpg")], "IMG_1.jpg") == {"File": {"FileName": "IMG_1.jpg"}}


def test_values_have_the_types_of_json() -> None:
    text = '"A:I": 3, "A:F": 1.400, "A:S": "1.400", "A:T": true, "A:N": null, "A:L": [1, "a"], "A:D": {"k": [0.5]}'
    values = groups.regroup(one(text), "")["A"]
    assert values == {"I": 3, "F": 1.4, "S": "1.400", "T": True, "N": None, "L": [1, "a"], "D": {"k": [0.5]}}
    assert type(values["I"]) is int


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1.5E+308000"])
def test_a_number_too_large_for_a_float_keeps_its_text(text: str) -> None:
    assert one(f'"A:B": {text}') == [("A:B", text)]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_words_that_are_no_json_numbers_stay_words(text: str) -> None:
    assert one(f'"A:B": {text}') == [("A:B", text)]


def test_a_doubled_key_loses_nothing() -> None:
    assert one('"A:B": 1, "A:C": {"x": 1, "x": 2}, "A:B": 3') == [("A:B", 1), ("A:C", {"x": 2}), ("A:B", 3)]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert groups.parse(b'[{"A:B": "caf\xe9"}]') == [("A:B", "caf�")]


@pytest.mark.parametrize("output", [b"", b"Error: x", b"[]", b"{}", b"[1]", b"[{}, {}]", b'[{"A": ' + b"[" * 100_000])
def test_output_that_describes_no_file_is_refused(output: bytes) -> None:
    with pytest.raises(groups.NotExifToolJsonError):
        groups.parse(output)


@given(st.binary(max_size=60))
def test_parsing_raises_nothing_else(output: bytes) -> None:
    with contextlib.suppress(groups.NotExifToolJsonError):
        groups.parse(b"[{" + output + b"}]")


def test_many_doubled_tags_cost_no_quadratic_time() -> None:
    regrouped = groups.regroup([("A:B:C", 0)] * 50_000, "")
    assert groups.count(regrouped) == 50_000


def test_our_path_is_replaced_at_any_depth() -> None:
    value = {"a": ["cannot open /tmp/x.jpg", {"b": "/tmp/x.jpg"}], "n": 1}
    assert groups.without(value, [("/tmp/x.jpg", "IMG.jpg")]) == {
        "a": ["cannot open IMG.jpg", {"b": "IMG.jpg"}],
        "n": 1,
    }


def test_warnings_are_collected_from_every_place_and_the_error_too() -> None:
    metadata = groups.regroup(
        [("ExifTool:Warning", "a"), ("ExifTool:Track3:Warning", "b"), ("MakerNotes:Canon:Warning", "c")], ""
    )
    assert groups.warnings(metadata) == ["a", "b"]
    assert groups.error(metadata) is None
    assert groups.error({"ExifTool": {"Error": "x"}}) == "x"
