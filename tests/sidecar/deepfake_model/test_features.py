"""Features: of pixels alone, whole and finite whatever the pixels are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from generated import jpeg, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mediabridge.sidecar.deepfake.model import features

SIDES = st.integers(features.SMALLEST_SIDE, 300)


@given(SIDES, SIDES, st.integers(0, 2**32 - 1), st.sampled_from(["noise", "flat", "stripes", "black"]))
@settings(max_examples=25, deadline=None)
def test_every_picture_gives_all_features_and_they_are_finite(height: int, width: int, seed: int, kind: str) -> None:
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), random.integers(0, 256), np.uint8)
    if kind == "noise":
        pixels = random.integers(0, 256, pixels.shape, dtype=np.uint8)
    elif kind == "stripes":
        pixels[:, :: int(random.integers(2, 9))] = 255
    elif kind == "black":
        pixels[:] = 0
    found = features.extract(pixels)
    assert tuple(found) == features.names()
    assert np.isfinite(features.vector(found)).all()


@pytest.mark.parametrize("shape", [(127, 500, 3), (500, 127, 3), (1, 1, 3)])
def test_small_pictures_are_told_of(shape: tuple[int, ...]) -> None:
    with pytest.raises(features.TooSmall, match="128"):
        features.extract(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "pixels", [np.zeros((200, 200), np.uint8), np.zeros((200, 200, 4), np.uint8), np.zeros((200, 200, 3))]
)
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="uint8"):
        features.extract(pixels)


def test_only_tiles_are_measured_however_large_the_picture() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1600, 2000, 3), dtype=np.uint8)
    measured = features.tiles(pixels)
    assert [tile.shape for tile in measured] == [(256, 256, 3)] * 5
    before = features.extract(pixels)
    pixels[:100] = pixels[-100:] = 0  # lies in no tile
    assert features.extract(pixels) == before


def test_the_container_leaves_no_trace() -> None:
    """The same pixels from a PNG, a TIFF and memory give the same bits."""
    pixels = picture(1, fake=False)
    found = [features.extract(pixels)]
    for kind in ("PNG", "TIFF"):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind)
        found.append(features.extract(np.asarray(Image.open(out))))
    assert found[0] == found[1] == found[2]


def test_up_sampling_shows_where_its_grid_is() -> None:
    small = picture(2, fake=False)
    grown = np.repeat(np.repeat(small, 2, 0), 2, 1)
    sharp = picture(3, fake=False, side=256)
    for name in ("phase.across2_1", "phase.down2_1"):
        assert features.extract(grown)[name] > features.extract(sharp)[name] + 1


@pytest.mark.parametrize(("period", "name"), [((2, 2), "both2"), ((1, 4), "across4"), ((4, 1), "down4")])
def test_a_periodic_trace_stands_out_of_the_spectrum(period: tuple[int, int], name: str) -> None:
    plain = picture(3, fake=False, side=256)
    rows, columns = np.mgrid[:256, :256]
    wave = 4 * np.cos(2 * np.pi * (rows / period[0] + columns / period[1]))
    traced = np.rint(np.clip(plain + wave[..., None], 0, 255)).astype(np.uint8)
    before, after = features.extract(plain), features.extract(traced)
    raised = {key for key in after if key.startswith("peaks.") and after[key] > before[key] + 2}
    assert raised == {f"peaks.{name}"}


def test_near_duplicates_have_near_fingerprints() -> None:
    prints = [int(features.fingerprint(picture(seed, fake=False)), 16) for seed in range(8)]
    again = [int(features.fingerprint(jpeg(picture(seed, fake=False), 60)), 16) for seed in range(8)]
    assert max((one ^ two).bit_count() for one, two in zip(prints, again, strict=True)) <= 6
    assert min((prints[one] ^ prints[two]).bit_count() for one in range(8) for two in range(one)) > 6


def test_a_clip_is_the_mean_of_its_frames() -> None:
    one, two = (features.extract(picture(seed, fake=False)) for seed in (4, 5))
    mean = features.mean([one, two])
    assert mean["noise.next"] == pytest.approx((one["noise.next"] + two["noise.next"]) / 2)
    with pytest.raises(ValueError, match="no frame"):
        features.mean([])


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "x"])
def test_broken_features_are_refused(value: object) -> None:
    found: dict[str, object] = dict.fromkeys(features.names(), 0.0)
    found[features.names()[3]] = value
    with pytest.raises(ValueError):  # noqa: PT011  float() has its own words for some
        features.vector(found)  # type: ignore[arg-type]
