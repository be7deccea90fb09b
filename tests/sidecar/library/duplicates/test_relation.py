"""How one file is like another: copies, edits, the next frame, a part; and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageEnhance

from mediabridge.sidecar.library.duplicates import Picture, Relation, compare

Draw = Callable[..., Image.Image]
File = Callable[..., Picture]
NOON = datetime.fromisoformat("2024-01-31T12:30:45")


@pytest.fixture
def related(make_file: File) -> Callable[..., Relation | None]:
    """The relation of two pictures; fields with `_1` are of the second one."""

    def found(one: Image.Image | None, other: Image.Image | None, **fields: Any) -> Relation | None:
        second = {name[:-2]: value for name, value in fields.items() if name.endswith("_1")}
        first = {name: value for name, value in fields.items() if not name.endswith("_1")}
        left, right = make_file(1, one, **first), make_file(2, other, **{**first, **second})
        relation = compare(left, right)
        assert compare(right, left) == relation
        return relation

    return found


def told(relation: Relation | None) -> tuple[str, str] | None:
    return relation and (relation.kind, relation.certainty)


def test_equal_bytes_are_exact_whatever_they_are(related: Any) -> None:
    assert related(None, None, sha256="a" * 64) == Relation("exact", "certain", 1.0, ("the same bytes",))
    assert related(None, None) is None


def test_a_copy_of_worse_quality_is_the_same_picture(related: Any, draw: Draw, again: Any) -> None:
    relation = related(draw(1), again(draw(1), 40))
    assert told(relation) == ("same_picture", "high")
    assert 0.95 < relation.similarity < 1


def test_a_smaller_copy_is_resized(related: Any, draw: Draw) -> None:
    relation = related(draw(1), draw(1).resize((240, 160)))
    assert told(relation) == ("resized", "high")
    assert "480x320 and 240x160 pixels" in relation.reasons[1]


def test_other_light_writing_and_shapes_are_edits(related: Any, draw: Draw) -> None:
    def written(picture: Image.Image) -> Image.Image:
        ImageDraw.Draw(picture).rectangle((0, 285, 250, 320), fill=(255, 255, 255))
        return picture

    for edited in (written(draw(1)), draw(1).resize((320, 320)), ImageEnhance.Contrast(draw(1)).enhance(2.2)):
        relation = related(draw(1), edited)
        assert relation
        assert relation.kind in ("edited", "same_picture")
    assert related(draw(1), draw(1).resize((320, 320))).kind == "edited"


def test_other_pictures_are_not_alike(related: Any, draw: Draw) -> None:
    assert [
        pair for pair in ((a, b) for a in range(10) for b in range(a)) if related(draw(pair[0]), draw(pair[1]))
    ] == []


def test_the_next_frame_is_a_burst_and_no_duplicate(related: Any, draw: Draw) -> None:
    moved = ImageChops.offset(draw(1), 6, 2)
    relation = related(draw(1), moved, moment=NOON, moment_1=NOON + timedelta(seconds=2))
    assert told(relation) == ("burst", "medium")
    assert "2.00 s apart" in relation.reasons[1]
    fractions = {"moment": NOON.replace(microsecond=100_000), "moment_1": NOON.replace(microsecond=350_000)}
    assert told(related(draw(1), moved, **fractions)) == ("burst", "medium")
    assert told(related(draw(1), moved, burst_id="x", **fractions)) == ("burst", "high")
    later = {"moment": NOON, "moment_1": NOON + timedelta(minutes=4)}
    assert told(related(draw(1), moved, **later)) == ("burst", "low")


def test_a_fast_burst_within_one_second_is_told_by_its_frames(related: Any, draw: Draw) -> None:
    camera = {"moment": NOON, "camera": "Canon EOS", "original_tags": 9}
    moved = ImageChops.offset(draw(1), 8, 4)
    assert told(related(draw(1), moved, **camera)) == ("burst", "low")
    assert told(related(draw(1), draw(1), **camera)) == ("same_picture", "high")


def test_two_clocks_do_not_make_a_series(related: Any, draw: Draw, again: Any) -> None:
    hour = {"moment": NOON, "moment_1": NOON + timedelta(hours=1)}
    assert told(related(draw(1), again(draw(1), 60), **hour)) == ("same_picture", "high")
    day = {"moment": NOON, "moment_1": NOON + timedelta(days=1, minutes=7)}
    assert told(related(draw(1), again(draw(1), 60), **day)) == ("same_picture", "low")
    assert related(draw(1), ImageChops.offset(draw(1), 12, 8), **day) is None


def test_a_part_is_a_crop_with_how_sure(related: Any, draw: Draw) -> None:
    found = 0
    for seed in range(12):
        part = draw(seed).crop((96, 64, 480, 320))  # a corner of 64 %
        sure, unsure = related(draw(seed), part, moment=NOON), related(draw(seed), part)
        if sure:
            assert told(sure) == ("crop", "medium")
            assert told(unsure) in (("crop", "low"), None)
            found += 1
    assert found >= 8


def test_pages_must_be_nearly_equal(related: Any) -> None:
    def page(lines: int) -> Image.Image:
        picture = Image.new("RGB", (600, 800), (255, 255, 255))
        for line in range(lines):
            ImageDraw.Draw(picture).rectangle(
                (50, 60 + 14 * line, 540 - 37 * (line % 3), 66 + 14 * line), fill=(90, 90, 90)
            )
        return picture

    assert related(page(30), page(33)) is None
    assert told(related(page(30), page(30).resize((300, 400)))) == ("resized", "medium")


def test_drawings_that_differ_in_a_detail_are_not_the_same(related: Any) -> None:
    def sign(more: int) -> Image.Image:
        picture = Image.new("RGB", (400, 400), (40, 90, 160))
        drawing = ImageDraw.Draw(picture)
        drawing.rectangle((60, 60, 200, 140), fill=(255, 255, 255))
        drawing.ellipse((210, 250, 270 + more, 310 + more), fill=(255, 220, 0))
        return picture

    assert related(sign(0), sign(60)) is None
    assert told(related(sign(0), sign(0).resize((200, 200)))) == ("resized", "medium")


def test_raw_films_and_stills_are_not_compared_with_each_other(related: Any, draw: Draw) -> None:
    assert related(draw(1), draw(1), kind="raw", kind_1="picture") is None
    assert related(draw(1), draw(1), kind="video", kind_1="picture") is None
    assert told(related(draw(1), draw(1), kind="raw")) == ("same_picture", "high")


def test_films_are_alike_only_at_the_same_length(related: Any, draw: Draw) -> None:
    assert told(related(draw(1), draw(1), kind="video", duration_s=5.0, duration_s_1=5.2)) == (
        "same_picture",
        "medium",
    )
    darker = ImageEnhance.Contrast(draw(1)).enhance(2.2)
    assert told(related(draw(1), darker, kind="video", duration_s=5.0)) == ("edited", "low")
    assert related(draw(1), draw(1), kind="video", duration_s=5.0, duration_s_1=9.0) is None
    assert related(draw(1), draw(1), kind="video") is None


MOMENTS = st.none() | st.datetimes(NOON, NOON + timedelta(days=2))


@given(
    st.integers(0, 3),
    st.integers(0, 3),
    MOMENTS,
    MOMENTS,
    st.sampled_from(["picture", "raw", "video"]),
    st.integers(0, 9),
)
def test_property_a_relation_is_the_same_in_both_directions(
    draw: Draw, make_file: File, a: int, b: int, first: Any, second: Any, kind: str, shift: int
) -> None:
    one = make_file(1, draw(a), moment=first, kind=kind, duration_s=3.0)
    other = make_file(2, ImageChops.offset(draw(b), shift, 0), moment=second, kind=kind, duration_s=3.0)
    relation = compare(one, other)
    assert compare(other, one) == relation
    if relation:
        assert a == b
        assert 0 < relation.similarity <= 1
        assert relation.reasons
