"""Presets as data: sizes and what people write into settings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.images.presets import MOST_SIDE, PRESETS, Preset, fields_of, parse, preset_of, table

SIDES = st.integers(1, 100_000)


@given(SIDES, SIDES, st.integers(1, MOST_SIDE), st.integers(1, MOST_SIDE))
def test_a_size_fits_keeps_its_proportions_and_is_never_enlarged(width: int, height: int, most: int, high: int) -> None:
    fitted = Preset("p", most, high).size_for((width, height))
    assert 1 <= fitted[0] <= min(width, most)
    assert 1 <= fitted[1] <= min(height, high)
    if min(fitted) > 1:
        assert abs(fitted[0] / width - fitted[1] / height) <= 1 / min(width, height) + 1e-9
    if width <= most and height <= high:
        assert fitted == (width, height)


def test_what_people_write() -> None:
    assert parse(" card=640x480:webp:75, wide=3000 ,") == (
        Preset("card", 640, 480, "webp", 75),
        Preset("wide", 3000),
    )
    assert parse("kept=100:jpeg:80:exif+gps")[0].keep == {"exif", "gps"}
    assert parse("") == ()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("card", "form"), ("card=0", "width"), ("card=99999", "width"), ("card=10x0", "height"), ("a=1:tiff", "format"),
        ("a=1:jpeg:0", "quality"), ("a=1:jpeg:101", "quality"), ("../x=10", "name"), ("Original=5", "name"),
        ("metadata=10", "name"), ("a=1:jpeg:80:xmp", "keep"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse(text)


def test_the_users_own_replace_ours() -> None:
    own = Preset("preview", 640)
    assert table([own])["preview"] == own
    assert set(table()) == {preset.name for preset in PRESETS} == {"ai-chat", "ai-vision", "preview", "thumbnail"}


def test_a_preset_travels_as_json() -> None:
    preset = Preset("a", 10, 20, "webp", 30, frozenset({"exif"}), 5000)
    assert preset_of(json.loads(json.dumps(fields_of(preset)))) == preset
