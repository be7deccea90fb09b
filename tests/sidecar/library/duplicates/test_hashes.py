"""Perceptual hashes, and how they come out of the child that decodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from mediabridge.sidecar.images import PERCEPTUAL, PRESETS, NotAHashError, PerceptualHash, PictureError, Pictures, parse
from mediabridge.sidecar.images.perceptual import distance, hashes

Draw = Callable[..., Image.Image]
EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "smaller": lambda it: it.resize((120, 80)),
    "brighter": lambda it: ImageEnhance.Brightness(it).enhance(1.25),
    "more contrast": lambda it: ImageEnhance.Contrast(it).enhance(1.4),
    "grey": lambda it: it.convert("L").convert("RGB"),
    "blurred": lambda it: it.filter(ImageFilter.GaussianBlur(4)),
    "stretched": lambda it: it.resize((300, 300)),
    "cut a little": lambda it: it.crop((5, 4, 475, 316)),
}


def bits(one: PerceptualHash | None, other: PerceptualHash | None) -> tuple[int, int]:
    assert one
    assert other
    return distance(one.phash, other.phash), distance(one.dhash, other.dhash)


@pytest.mark.parametrize("edit", EDITS)
def test_what_people_do_to_a_picture_leaves_its_hashes_near(draw: Draw, edit: str) -> None:
    for seed in range(8):
        picture = draw(seed)
        found = bits(hashes(picture), hashes(EDITS[edit](picture)))
        assert max(found) <= 12, (seed, found)


def test_other_pictures_are_far(draw: Draw) -> None:
    made = [hashes(draw(seed)) for seed in range(24)]
    pairs = [bits(one, other) for number, one in enumerate(made) for other in made[:number]]
    assert [pair for pair in pairs if pair[0] <= 12 and pair[1] <= 12] == []


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (90, 10, 200)])
def test_a_flat_picture_has_no_hash(colour: tuple[int, int, int]) -> None:
    picture = Image.new("RGB", (200, 200), colour)
    assert hashes(picture) is None
    picture.putpixel((7, 7), (128, 128, 128))
    assert hashes(picture) is None


def test_pages_of_text_are_known_as_such(draw: Draw) -> None:
    page = Image.new("RGB", (600, 800), (250, 250, 246))
    drawing = ImageDraw.Draw(page)
    for line in range(60, 500, 14):
        drawing.text((50, line), "words and more words, " * 4, fill=(20, 20, 20))
    found, scene = hashes(page), hashes(draw(1))
    assert found
    assert found.paper
    assert scene
    assert not scene.paper


HASHES = st.builds(
    PerceptualHash,
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.booleans(),
    st.binary(min_size=128, max_size=128),
)


@given(HASHES)
def test_property_a_hash_comes_back_from_its_bytes(made: PerceptualHash) -> None:
    assert PerceptualHash.from_bytes(made.to_bytes()) == made


@given(st.binary(min_size=1, max_size=300).filter(lambda it: len(it) != 145))
def test_property_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(NotAHashError, match="145 bytes"):
        PerceptualHash.from_bytes(data)
    assert PerceptualHash.from_bytes(b"") is None


def test_one_decode_gives_the_hash_and_the_presets(
    children: Pictures, draw: Draw, save: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(save(draw(3, (2400, 1600)), quality=90))
    out: dict[str, bytes] = {}
    children.make(path, [*PRESETS, PERCEPTUAL], lambda made, data: out.update({made.preset: data}))
    assert set(out) == {"ai-chat", "ai-vision", "thumbnail", "preview", "perceptual"}
    beside, alone = PerceptualHash.from_bytes(out["perceptual"]), hashes(draw(3, (2400, 1600)))
    assert max(bits(beside, alone)) <= 2


def test_hashes_are_of_the_upright_picture(
    hashed: Callable[[Path], PerceptualHash | None], draw: Draw, save: Callable[..., bytes], tmp_path: Path
) -> None:
    upright, lying = tmp_path / "a.png", tmp_path / "b.jpg"
    upright.write_bytes(save(draw(5), "PNG"))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees to the right
    lying.write_bytes(save(draw(5).transpose(Image.Transpose.ROTATE_90), exif=exif))
    assert max(bits(hashed(upright), hashed(lying))) <= 2


def test_a_flat_file_has_none_and_a_broken_one_says_why(
    hashed: Callable[[Path], PerceptualHash | None], save: Callable[..., bytes], tmp_path: Path
) -> None:
    flat, broken = tmp_path / "flat.png", tmp_path / "broken.png"
    flat.write_bytes(save(Image.new("RGB", (99, 99)), "PNG"))
    broken.write_bytes(flat.read_bytes()[:60])
    assert hashed(flat) is None
    with pytest.raises(PictureError):
        hashed(broken)


def test_nobody_can_set_it_as_a_preset_of_their_own() -> None:
    with pytest.raises(ValueError, match="format"):
        parse("a=10:hash")
