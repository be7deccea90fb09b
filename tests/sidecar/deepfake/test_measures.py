"""Each measurement finds what was planted for it, at the place where it was planted, and not elsewhere."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import jpeg, scene, subject
from PIL import Image, ImageFilter, ImageOps

from mediabridge.sidecar.deepfake.measures import copy_move, error_levels, ghosts, noise, pixels, resaved, spectrum
from mediabridge.sidecar.deepfake.measures.plan import MOST_SIDE
from mediabridge.sidecar.images.decode import Decoded

BOX = (256, 160, 416, 288)
TURNS = range(1, 9)


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def grainy(seed: int, width: int = 640, height: int = 480) -> Image.Image:
    """A scene with a camera's noise: without any, hardly a block holds what JPEG could take away."""
    grain = np.random.default_rng(seed).normal(0, 4, (height, width, 1))
    return Image.fromarray((np.asarray(scene(seed, width, height)) + grain).clip(0, 255).astype(np.uint8))


def read(folder: Path, picture: Image.Image | bytes, name: str = "a.png", turn: int = 1) -> pixels.Pixels:
    path = folder / name
    if isinstance(picture, bytes):
        path.write_bytes(picture)
    else:
        exif = Image.Exif()
        exif[0x0112] = turn
        picture.save(path, exif=exif)
    return pixels.read(path)


def inside(shape: tuple[int, ...], block: int, box: tuple[int, int, int, int] = BOX) -> Any:
    mask = np.zeros(shape, dtype=bool)
    left, top, right, bottom = (edge // block for edge in box)
    mask[top:bottom, left:right] = True
    return mask


def spliced(base: Image.Image, part: Image.Image, box: tuple[int, int, int, int] = BOX) -> Image.Image:
    made = base.copy()
    made.paste(part.crop(box), box[:2])
    return made


def test_error_levels_are_higher_where_something_fresh_was_pasted(tmp_path: Path) -> None:
    picture = read(tmp_path, spliced(decoded(jpeg(scene(1), 85)), scene(2)))
    found = error_levels.levels(picture.stored)
    part = inside(found.shape, 8)
    assert np.median(found[part]) > 1.5 * np.median(found[~part])
    piece, shown = error_levels.measure(picture)
    assert (piece.status, piece.direction) == ("found", "neutral")
    assert shown is not None
    assert (shown.width, shown.height, shown.scale) == (80, 60, 8)
    assert Image.open(io.BytesIO(shown.png)).size == (80, 60)


def test_noise_is_measured_in_grey_levels_and_by_place(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    levels = np.full((1100, 640), 128.0)  # more than two strips
    levels[:, 320:] += random.normal(0, 6, (1100, 320))
    levels[:, :320] += random.normal(0, 2, (1100, 320))
    grey = Image.fromarray(levels.round().astype(np.uint8))
    found = noise.deviations(grey)
    assert found.shape == (34, 20)
    assert found[:, :9].mean() == pytest.approx(2, abs=0.25)
    assert found[:, 11:].mean() == pytest.approx(6, abs=0.5)
    piece, shown = noise.measure(read(tmp_path, grey.convert("RGB")))
    assert piece.status == "found"
    assert shown is not None
    assert (shown.width, shown.height, shown.scale) == (20, 34, 32)


@given(st.integers(32, 1100), st.integers(0, 2**32 - 1))
def test_noise_does_not_depend_on_the_strips(height: int, seed: int) -> None:
    levels = np.random.default_rng(seed).integers(0, 256, (height, 64), dtype=np.uint8)
    padded = np.pad(levels.astype(int), 1, mode="edge")
    across = padded[:, :-2] - 2 * padded[:, 1:-1] + padded[:, 2:]
    whole = np.abs(across[:-2] - 2 * across[1:-1] + across[2:])
    expected = pixels.block_means(whole, 32) * np.float32(noise._FACTOR)
    assert np.allclose(noise.deviations(Image.fromarray(levels)), expected, rtol=1e-4)


@pytest.mark.parametrize("quality", [50, 60, 70, 80])
def test_a_ghost_of_a_part_that_was_saved_before(tmp_path: Path, quality: int) -> None:
    made = spliced(grainy(1), decoded(jpeg(grainy(1), quality, subsampling=0)))
    picture = read(tmp_path, jpeg(made, 95, subsampling=0), "a.jpg")
    piece, shown = ghosts.measure(picture)
    assert piece.status == "found"
    assert piece.value["quality"] == quality
    part = BOX[2] - BOX[0], BOX[3] - BOX[1]
    assert piece.value["share"] == pytest.approx(part[0] * part[1] / (640 * 480), rel=0.5)
    assert shown is not None
    levels = np.asarray(Image.open(io.BytesIO(shown.png)), dtype=float)
    mask = inside(levels.shape, 16)
    assert levels[mask].mean() > 3 * levels[~mask].mean()


def test_a_picture_that_was_saved_once_has_no_ghosts(tmp_path: Path) -> None:
    piece, _ = ghosts.measure(read(tmp_path, jpeg(grainy(1), 80, subsampling=0), "a.jpg"))
    assert (piece.status, piece.value["quality"]) == ("none", None)


@pytest.mark.parametrize(("side", "status"), [(32, "none"), (64, "found")])
def test_a_ghost_is_of_eight_blocks_at_least(tmp_path: Path, side: int, status: str) -> None:
    """Four blocks of a small picture are a large share of it, and come by chance."""
    whole = grainy(1).crop((0, 0, 240, 64))
    made = whole.copy()
    made.paste(decoded(jpeg(whole, 60, subsampling=0)).crop((0, 0, side, side)), (0, 0))
    piece, _ = ghosts.measure(read(tmp_path, jpeg(made, 95, subsampling=0), "a.jpg"))
    assert (piece.status, piece.value["share"] > 0.05) == (status, True)


def test_where_no_block_can_tell_no_ghost_is_denied(tmp_path: Path) -> None:
    piece, _ = ghosts.measure(read(tmp_path, Image.new("RGB", (256, 256), (90, 120, 150))))
    assert (piece.status, piece.finding) == ("not_applicable", "Not applicable: it is too smooth to tell.")


@pytest.mark.parametrize("seed", range(1, 7))
def test_smooth_places_show_no_ghosts(tmp_path: Path, seed: int) -> None:
    """Never saved as JPEG: bands of one brightness fit the steps of some quality, and had been taken for its ghost."""
    blurred = scene(seed, 640, 480).convert("L").filter(ImageFilter.GaussianBlur(12)).convert("RGB")
    piece, _ = ghosts.measure(read(tmp_path, blurred))
    assert piece.status in ("none", "not_applicable"), piece.finding


def test_a_map_says_what_is_white(tmp_path: Path) -> None:
    """Stretched, a picture in which nothing changes looks like one in which much does."""
    picture = read(tmp_path, jpeg(grainy(1), 80, subsampling=0), "a.jpg")
    shown = {module.ID: module.measure(picture)[1] for module in (error_levels, noise, ghosts)}
    for name in ("error_levels", "noise"):
        piece = shown[name]
        assert piece is not None
        assert re.search(r" White is [0-9.]+ of 255 or more\.$", piece.reads_as), piece.reads_as
    ghost = shown["jpeg_ghosts"]
    assert ghost is not None
    assert np.asarray(Image.open(io.BytesIO(ghost.png))).max() < 255, "no ghost, nothing white"


@pytest.mark.parametrize("turn", [1, 4, 6])
def test_a_copied_part_is_found_with_both_places(tmp_path: Path, turn: int) -> None:
    made = scene(5)
    made.paste(made.crop((80, 80, 240, 208)), (340, 250))
    picture = read(tmp_path, decoded(jpeg(made, 92)), turn=turn)
    piece, shown = copy_move.measure(picture)
    assert (piece.status, piece.direction, piece.strength) == ("found", "suggests_edit", "weak")
    (region,) = piece.value["regions"]
    for name, box in (("here", (80, 80, 240, 208)), ("there", (340, 250, 500, 378))):
        expected = picture.upright_box(box)
        for side, value in region[name].items():
            assert value == pytest.approx(expected[side], abs=16), (name, side)
    assert shown is not None
    assert (shown.width, shown.height) == ((80, 60) if turn < 5 else (60, 80))


@pytest.mark.parametrize("seed", range(3))
def test_a_scene_holds_no_copies(tmp_path: Path, seed: int) -> None:
    piece, shown = copy_move.measure(read(tmp_path, scene(seed)))
    assert (piece.status, shown) == ("none", None)
    assert piece.value["regions"] == []


@pytest.mark.parametrize("flat", [Image.new("RGB", (400, 300), "navy"), Image.linear_gradient("L").resize((400, 300))])
def test_what_has_no_texture_holds_no_copies(tmp_path: Path, flat: Image.Image) -> None:
    assert copy_move.measure(read(tmp_path, flat.convert("RGB")))[0].status == "none"


@pytest.mark.parametrize("period", [3, 5])
def test_uneven_up_sampling_shows_in_the_spectrum(tmp_path: Path, period: int) -> None:
    """As a transposed convolution leaves it whose kernels overlap unevenly: some rows and columns are stronger."""
    levels = np.asarray(grainy(1), dtype=float)
    assert spectrum.measure(read(tmp_path, grainy(1)))[0].status == "none"
    gain = np.where(np.arange(640) % period == 0, 1.04, 1.0)
    uneven = (levels * gain[None, :, None] * gain[:480, None, None]).clip(0, 255).astype(np.uint8)
    piece, shown = spectrum.measure(read(tmp_path, Image.fromarray(uneven)))
    assert (piece.status, piece.direction) == ("found", "neutral")
    peaks = piece.value["peaks"]
    assert any(abs(abs(peak["x"]) - 1 / period) < 0.02 and abs(peak["y"]) < 0.02 for peak in peaks)
    assert shown is not None
    assert (shown.width, shown.height, shown.scale) == (128, 128, 0)


def test_a_spectrum_is_that_of_the_whole_transform() -> None:
    levels = np.random.default_rng(1).normal(128, 20, (256, 256)).astype(np.float32)
    whole = spectrum.spectrum(levels)
    assert whole.shape == (128, 128)
    assert np.allclose(whole[1:, 1:], whole[1:, 1:][::-1, ::-1], atol=1e-3), "real values: symmetric about the middle"


def test_an_earlier_save_is_a_weak_and_neutral_fact(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(decoded(jpeg(scene(1), 60)), 90))
    found = resaved.measure(subject(path))
    assert (found.status, found.direction, found.strength) == ("found", "neutral", "weak")
    assert found.value["earlierSave"]["quality"] == pytest.approx(60, abs=3)
    path.write_bytes(jpeg(scene(1), 90))
    assert resaved.measure(subject(path)).status == "none"
    scene(1).save(tmp_path / "a.png")
    assert resaved.measure(subject(tmp_path / "a.png")).status == "not_applicable"


@given(st.sampled_from(TURNS), st.integers(1, 40), st.integers(1, 40), st.data())
def test_boxes_turn_as_the_picture_does(turn: int, width: int, height: int, data: Any) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    picture = Image.new("L", (width, height))
    picture.paste(255, (left, top, right, bottom))
    picture.getexif()[0x0112] = turn
    shown = ImageOps.exif_transpose(picture)
    found = pixels.Pixels(Decoded(picture, shown.size, turn), "PNG")
    box = found.upright_box((left, top, right, bottom))
    assert shown.getbbox() == (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    assert np.array_equal(np.asarray(found.turned(picture)), np.asarray(shown))


def test_a_model_gets_upright_srgb_of_the_middle(tmp_path: Path) -> None:
    made = Image.new("RGB", (1600, 1200), "white")
    made.paste("red", (0, 0, 800, 600))
    seen = read(tmp_path, made, turn=6).upright_middle()
    assert seen.shape == (1024, 1024, 3)
    assert seen.dtype == np.uint8
    assert tuple(seen[10, 1013]) == (255, 0, 0), "turned a quarter clockwise"
    assert tuple(seen[10, 10]) == (255, 255, 255)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_the_middle_lies_on_the_grid(width: int, height: int) -> None:
    left, top, right, bottom = pixels.middle_box((width, height), 1024)
    assert left % 8 == top % 8 == 0
    assert 0 < right - left <= 1024
    assert 0 < bottom - top <= 1024
    assert (right, bottom) <= (width, height) or right <= width


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_pictures_of_any_mode_and_size_are_measured(tmp_path: Path, mode: str) -> None:
    for size in ((1, 1), (9, 300), (300, 260)):
        path = tmp_path / "a.tif"
        Image.new(mode, size).save(path)
        picture = pixels.read(path)
        for module in (error_levels, noise, spectrum, ghosts, copy_move):
            piece, _ = module.measure(picture)
            assert piece.status in ("found", "none", "not_applicable")
            assert piece.id == module.ID


def test_maps_are_small(tmp_path: Path) -> None:
    picture = read(tmp_path, jpeg(grainy(1).resize((4000, 3000)), 80), "a.jpg")
    for module in (error_levels, noise, ghosts):
        _, shown = module.measure(picture)
        assert shown is not None
        assert max(shown.width, shown.height) <= MOST_SIDE
        assert len(shown.png) < 400_000


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the file, left open by the refusal
def test_a_picture_of_too_many_pixels_is_not_measured(tmp_path: Path) -> None:
    Image.new("1", (9000, 6000)).save(tmp_path / "a.png")
    Image.new("L", (9000, 6000)).save(tmp_path / "a.jpg")
    for name in ("a.png", "a.jpg"):
        with pytest.raises(pixels.TooLargeError, match="9000x6000"):
            pixels.read(tmp_path / name)
