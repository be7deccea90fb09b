"""Groups: stars, never chains; the keeper and why; and what only belongs together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from mediabridge.sidecar.library import groups
from mediabridge.sidecar.library.duplicates import (
    DUPLICATES,
    HashIndex,
    PerceptualHash,
    Picture,
    companions,
    compare,
    find_groups,
    traits,
)
from mediabridge.sidecar.library.duplicates.model import Kind

Draw = Callable[..., Image.Image]
File = Callable[..., Picture]
NOON = datetime.fromisoformat("2024-01-31T12:30:45")


def test_the_kinds_that_can_be_asked_for_are_those_that_there_are() -> None:
    assert set(groups.KINDS) == DUPLICATES | {"burst", "crop"} == set(get_args(Kind))
    assert set(groups.KINDS) - DUPLICATES == set(groups.SERIES)


def ids(pictures: list[Picture]) -> list[tuple[str, list[int]]]:
    return [(group.kind, [member.id for member in group.members]) for group in find_groups(pictures)]


def test_copies_are_one_group_with_the_best_first(draw: Draw, make_file: File, again: Any) -> None:
    files = [
        make_file(1, draw(1).resize((240, 160)), size=400),
        make_file(2, draw(1), size=3000, original_tags=9, moment=NOON),
        make_file(3, again(draw(1), 50), size=2000),
        make_file(4, draw(2)),
    ]
    (group,) = find_groups(files)
    assert (group.kind, group.keeper, {member.id for member in group.members}) == ("duplicates", 2, {1, 2, 3})
    assert group.members[0].reasons[:2] == (
        "the most pixels: 480x320",
        "the most of the camera's own metadata: 9 fields",
    )
    assert {member.id: member.relation.kind for member in group.members if member.relation} == {
        1: "resized",
        3: "same_picture",
    }


def test_equal_bytes_are_a_group_without_any_hash(make_file: File) -> None:
    files = [
        make_file(number, sha256="a" * 64, name=name) for number, name in enumerate(["b (1).txt", "b.txt", "c.txt"])
    ]
    (group,) = find_groups(files)
    assert group.keeper in (1, 2)
    assert [member.relation and member.relation.kind for member in group.members] == [None, "exact", "exact"]
    assert "a name that is not that of a copy" in group.members[0].reasons


def test_copies_of_a_copy_join_the_group(draw: Draw, make_file: File) -> None:
    small = draw(1).resize((240, 160))
    files = [make_file(1, draw(1)), *(make_file(number, small, sha256="b" * 64) for number in (2, 3, 4))]
    (group,) = find_groups(files)
    assert [member.relation and member.relation.kind for member in group.members] == [None, *["resized"] * 3]


def flip(found: PerceptualHash, bits: int, start: int = 0) -> PerceptualHash:
    mask = ((1 << bits) - 1) << start
    return PerceptualHash(found.phash ^ mask, found.dhash, found.paper, found.levels)


def test_a_chain_is_cut(draw: Draw, make_file: File) -> None:
    """a is like b and b like c, but a is not like c."""
    first = make_file(1, draw(1), size=3000)
    assert first.hash
    files = [
        first,
        make_file(2, draw(1), size=2000, hash=flip(first.hash, 9)),
        make_file(3, draw(1), size=1000, hash=flip(flip(first.hash, 9), 9, 20)),
    ]
    assert [bool(compare(files[a], files[b])) for a, b in ((0, 1), (1, 2), (0, 2))] == [True, True, False]
    assert ids(files) == [("duplicates", [1, 2])]


def test_the_one_that_the_others_are_copies_of_is_kept_before_a_larger_edit(
    draw: Draw, make_file: File, again: Any
) -> None:
    original = make_file(2, draw(1), size=2000)
    assert original.hash
    files = [
        make_file(1, draw(1), size=3000, hash=flip(original.hash, 9)),
        original,
        make_file(3, again(draw(1), 60), size=1000),
        make_file(4, again(draw(1), 30), size=900),
    ]
    (group,) = find_groups(files)
    assert group.keeper == 2
    assert "more of the others are just like it" in group.members[0].reasons


def test_a_burst_is_a_group_of_its_own_and_nobody_is_kept_before_others(draw: Draw, make_file: File) -> None:
    files = [
        make_file(number, ImageChops.offset(draw(1), 4 * number, 0), moment=NOON + timedelta(seconds=number))
        for number in range(3)
    ]
    ((kind, members),) = ids(files)
    assert (kind, sorted(members)) == ("burst", [0, 1, 2])
    assert find_groups(files)[0].members[0].reasons == ()


def test_a_crop_of_the_same_moment_is_found_and_is_no_duplicate(draw: Draw, make_file: File) -> None:
    files = [make_file(1, draw(4), moment=NOON), make_file(2, draw(4).crop((96, 64, 480, 320)), moment=NOON)]
    assert ids(files) == [("crop", [1, 2])]


def test_what_is_hardly_sure_is_grouped_on_request_alone(draw: Draw, make_file: File, again: Any) -> None:
    years = {"moment": NOON + timedelta(days=700, minutes=7)}
    files = [make_file(1, draw(1), moment=NOON), make_file(2, again(draw(1), 60), **years)]
    assert find_groups(files) == []
    assert [group.kind for group in find_groups(files, least="low")] == ["duplicates"]


def test_flat_pictures_are_like_nothing(make_file: File) -> None:
    files = [make_file(number, Image.new("RGB", (50, 50), (number, 0, 0))) for number in range(3)]
    assert find_groups(files) == []


def test_an_index_of_the_whole_library_may_be_given(draw: Draw, make_file: File) -> None:
    library = [make_file(number, draw(number % 6)) for number in range(12)]
    index = HashIndex()
    index.extend((picture.id, picture.hash) for picture in library)
    some = [library[1], library[2], library[7]]
    assert find_groups(some, index) == find_groups(some)
    assert ids(some) == [("duplicates", [1, 7])]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_property_groups_do_not_depend_on_the_order_and_hold_each_file_once(
    draw: Draw, make_file: File, data: st.DataObject
) -> None:
    moments = st.none() | st.integers(0, 3).map(lambda it: NOON + timedelta(seconds=it))
    files = [
        make_file(
            number,
            ImageChops.offset(draw(data.draw(st.integers(0, 2))), data.draw(st.integers(0, 8)), 0),
            sha256=data.draw(st.sampled_from([f"{number}", "same"])),
            moment=data.draw(moments),
            size=data.draw(st.integers(1, 3)),
        )
        for number in range(data.draw(st.integers(0, 7)))
    ]
    groups = find_groups(files)
    assert find_groups(data.draw(st.permutations(files))) == groups
    numbers = [member.id for group in groups for member in group.members]
    assert len(numbers) == len(set(numbers))
    by_id = {picture.id: picture for picture in files}
    for group in groups:
        for member in group.members[1:]:
            assert member.relation == compare(by_id[group.keeper], by_id[member.id])
            assert member.relation
            assert (member.relation.kind in DUPLICATES) == (group.kind == "duplicates")


def test_raw_and_jpeg_belong_together(make_file: File, draw: Draw) -> None:
    raw = make_file(1, draw(1), kind="raw", name="IMG_1.CR2", folder="a", moment=NOON)
    jpeg = make_file(2, draw(1), name="IMG_1.JPG", folder="a", moment=NOON)
    other = make_file(3, draw(2), name="img_1.jpg", folder="a", moment=NOON + timedelta(days=400, minutes=4))
    elsewhere = make_file(4, draw(2), name="IMG_1.JPG", folder="b", moment=NOON)
    (pair,) = companions([raw, jpeg, other, elsewhere])
    assert (pair.kind, pair.ids, pair.certainty) == ("raw+jpeg", (1, 2), "high")
    assert find_groups([raw, jpeg]) == []


@pytest.mark.parametrize(
    ("still", "film", "expected"),
    [
        ({"content_id": "x", "name": "a.heic"}, {"content_id": "x", "name": "b.mov"}, "certain"),
        ({"moment": NOON}, {"moment": NOON + timedelta(seconds=-1)}, "high"),
        ({"moment": NOON}, {"moment": NOON - timedelta(hours=2)}, "high"),  # the film tells UTC
        ({}, {}, "medium"),
        ({"moment": NOON}, {"moment": NOON + timedelta(minutes=5)}, None),
        ({}, {"duration_s": 60.0}, None),
    ],
)
def test_a_still_and_its_film(
    make_file: File, still: dict[str, Any], film: dict[str, Any], expected: str | None
) -> None:
    one = make_file(1, **{"name": "IMG_1.HEIC", **still})
    other = make_file(2, **{"name": "IMG_1.MOV", "kind": "video", "duration_s": 2.5, **film})
    found = companions([one, other])
    assert [(pair.kind, pair.ids, pair.certainty) for pair in found] == (
        [("live", (1, 2), expected)] if expected else []
    )


def test_what_the_metadata_tell() -> None:
    metadata = {
        "EXIF": {"Make": "Apple ", "Model": "iPhone 15", "DateTimeOriginal": "2024:01:31 12:30:45", "ISO": 50},
        "MakerNotes": {"ContentIdentifier": "C", "BurstUUID": "B"},
    }
    found = traits(metadata)
    assert (found.camera, found.burst_id, found.content_id, found.original_tags) == ("Apple iPhone 15", "B", "C", 9)
    assert traits({}).original_tags == 0
