"""Analyses of the pixels: the thumbnail, and earlier compressions."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import jpeg, kinds, plant, scene, subject
from PIL import Image

from mediabridge.sidecar.analysis import quantisation, tables, thumbnail
from mediabridge.sidecar.analysis.model import NotApplicable


def with_thumbnail(exiftool: Path, folder: Path, picture: Image.Image, small: Image.Image) -> Path:
    path, embedded = folder / "a.jpg", folder / "thumbnail.jpg"
    path.write_bytes(jpeg(picture))
    embedded.write_bytes(jpeg(small, 80))
    plant(exiftool, path, f"-ThumbnailImage<={embedded}")
    return path


def test_a_thumbnail_of_the_same_picture_is_no_finding(exiftool: Path, tmp_path: Path) -> None:
    picture = scene(1)
    examined = thumbnail.examine(subject(with_thumbnail(exiftool, tmp_path, picture, picture.resize((160, 120)))))
    assert examined.findings == ()
    (fact,) = examined.facts["thumbnails"]
    assert (fact["width"], fact["height"], fact["turned"]) == (160, 120, False)
    assert fact["correlation"] > 0.95


def test_dark_bars_of_a_thumbnail_do_not_count(exiftool: Path, tmp_path: Path) -> None:
    picture = scene(1, 720, 480)
    small = Image.new("RGB", (160, 120))
    small.paste(picture.resize((160, 107)), (0, 6))
    assert kinds(thumbnail.examine(subject(with_thumbnail(exiftool, tmp_path, picture, small)))) == set()


@pytest.mark.parametrize("seed", range(2, 8))
def test_a_thumbnail_of_another_picture_is_told(exiftool: Path, tmp_path: Path, seed: int) -> None:
    path = with_thumbnail(exiftool, tmp_path, scene(1), scene(seed).resize((160, 120)))
    assert kinds(thumbnail.examine(subject(path))) == {"thumbnailDiffers"}


def test_a_turned_picture_is_told(exiftool: Path, tmp_path: Path) -> None:
    picture = scene(1)
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    path = with_thumbnail(exiftool, tmp_path, turned, picture.resize((160, 120)))
    assert kinds(thumbnail.examine(subject(path))) == {"thumbnailTurned"}


def test_a_crop_is_told(exiftool: Path, tmp_path: Path) -> None:
    picture = scene(1)
    path = with_thumbnail(exiftool, tmp_path, picture.crop((320, 240, 640, 480)), picture.resize((160, 120)))
    assert kinds(thumbnail.examine(subject(path))) <= {"thumbnailDiffers", "thumbnailUnlike"} != set()


def test_a_broken_thumbnail_is_told(exiftool: Path, tmp_path: Path) -> None:
    path = with_thumbnail(exiftool, tmp_path, scene(1), scene(1).resize((160, 120)))
    content = path.read_bytes()
    at = content.index(b"\xff\xd8", 2)
    path.write_bytes(content[: at + 2] + bytes(400) + content[at + 402 :])
    assert kinds(thumbnail.examine(subject(path))) == {"thumbnailBroken"}


def test_without_a_thumbnail_there_is_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(scene(1)))
    with pytest.raises(NotApplicable):
        thumbnail.examine(subject(tmp_path / "a.jpg"))


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"II*\0", b"MM\0*", b""]))
def test_no_directory_makes_the_walk_raise(data: bytes, head: bytes) -> None:
    assert all(value >= 0 for value in thumbnail.second_directory(head + data).values())


def saved(seed: int, *qualities: int) -> bytes:
    picture, content = scene(seed, 512, 512), b""
    for quality in qualities:
        content = jpeg(picture, quality)
        picture = Image.open(io.BytesIO(content))
    return content


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("first", "last"), [(50, 75), (50, 90), (60, 90), (70, 90), (75, 95), (80, 95)])
def test_an_earlier_coarser_save_is_told_with_its_quality(tmp_path: Path, seed: int, first: int, last: int) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(seed, first, last))
    examined = quantisation.examine(subject(tmp_path / "a.jpg"))
    assert kinds(examined) == {"savedTwice"}
    assert (examined.facts["quality"], examined.facts["qualityExact"]) == (last, True)
    assert abs(examined.facts["earlierSave"]["quality"] - first) <= 3
    assert examined.facts["compressions"] == "at least 2"


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("qualities", [(60,), (75,), (85,), (95,), (100,), (95, 75), (90, 90)])
def test_no_earlier_save_is_invented(tmp_path: Path, seed: int, qualities: tuple[int, ...]) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(seed, *qualities))
    examined = quantisation.examine(subject(tmp_path / "a.jpg"))
    assert (examined.findings, examined.facts["earlierSave"]) == ((), None)


def test_a_makers_own_tables_are_no_standard_ones(tmp_path: Path) -> None:
    own = [min(step + i % 3, 255) for i, step in enumerate(tables.scaled(90))]
    scene(1).save(tmp_path / "a.jpg", qtables=[own, own], subsampling="4:2:2", progressive=True)
    facts = quantisation.examine(subject(tmp_path / "a.jpg")).facts
    assert facts["qualityExact"] is False
    assert (facts["subsampling"], facts["encoding"]) == ("4:2:2", "progressive")
    assert sorted(facts["tables"]["0"]) == sorted(own)


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_tables_are_those_of_the_reference_library(quality: int) -> None:
    """Pillow writes with libjpeg, and gives the steps back in zigzag order."""
    picture = Image.open(io.BytesIO(jpeg(Image.new("L", (8, 8)), quality)))
    assert tables.quality_of(list(tables.scaled(quality))) == (quality, True)
    stored = picture.quantization[0]  # type: ignore[attr-defined]  # of JPEG pictures
    assert sorted(stored) == sorted(tables.scaled(quality))


def test_only_jpeg_has_tables(tmp_path: Path) -> None:
    scene(1).save(tmp_path / "a.png")
    with pytest.raises(NotApplicable):
        quantisation.examine(subject(tmp_path / "a.png"))


def test_broken_tables_are_no_crash(tmp_path: Path) -> None:
    content = jpeg(scene(1, 64, 64))
    at = content.index(b"\xff\xdb") + 5
    (tmp_path / "a.jpg").write_bytes(content[:at] + bytes(64) + content[at + 64 :])
    assert quantisation.examine(subject(tmp_path / "a.jpg")).facts["qualityExact"] is False
