"""The right pixels, whatever the file: turned, deep, printed, transparent, moving, wide in colour. Real children."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_pictures import COLOURS, DISPLAY_P3, four, png, saved, turned
from pictures import jpeg, scene
from PIL import Image, ImageCms

from mediabridge.sidecar.images.presets import PRESETS, Preset
from mediabridge.sidecar.images.render import render

Shown = Callable[..., Image.Image]
CORNERS = ((0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9))


def corners(picture: Image.Image) -> str:
    flat = picture.convert("RGB")
    pixels = [flat.getpixel((int(x * flat.width), int(y * flat.height))) for x, y in CORNERS]
    return "".join(min(COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(COLOURS[name], pixel, strict=True)))
                   for pixel in pixels)  # fmt: skip


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_comes_out_upright(shown: Shown, make: Any, turn: int, format_name: str) -> None:
    data = turned(turn, format_name)
    picture = shown(data)
    assert picture.size == (120, 80)
    assert corners(picture) == "rgbw"
    assert shown(data, 60, 60).size == (60, 40)
    ((made, out),) = make(data, Preset("small", 30)).values()
    again = Image.open(io.BytesIO(out))
    assert (made.width, made.height) == again.size == (30, 20)
    assert 0x0112 not in again.getexif()


def test_a_large_turned_jpeg_is_shrunk_while_it_is_decoded_and_still_upright(make: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = four("rgbw", (2400, 1200)).transpose(Image.Transpose.ROTATE_90)
    made = make(saved(stored, "JPEG", exif=exif), *PRESETS)
    sizes = {name: (one.width, one.height) for name, (one, _) in made.items()}
    assert sizes == {"ai-vision": (2048, 1024), "ai-chat": (1920, 960), "preview": (800, 400), "thumbnail": (200, 100)}
    for _, data in made.values():
        assert corners(Image.open(io.BytesIO(data))) == "rgbw"


@pytest.mark.parametrize("turn", [0, 9, 65535])
def test_an_orientation_that_is_none_turns_nothing(shown: Shown, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    assert corners(shown(saved(four("rgbw", (120, 80)), "JPEG", exif=exif))) == "rgbw"


def test_xmp_turns_nothing(shown: Shown) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    assert shown(saved(four("rgbw", (120, 80)), "JPEG", xmp=xmp)).size == (120, 80)


def test_sixteen_bits_of_colour_and_of_grey(shown: Shown) -> None:
    values = [(0, 0x8000, 0xFFFF), (0x1234, 0xABCD, 0x4000)]
    row = b"\0" + b"".join(struct.pack(">3H", *value) for value in values)
    picture = shown(png(2, 1, 16, 2, row)).convert("RGB")
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(0, 0x80, 0xFF), (0x12, 0xAB, 0x40)]
    grey = shown(png(3, 1, 16, 0, b"\0" + struct.pack(">3H", 0, 0x8000, 0xFFFF))).convert("L")
    assert [grey.getpixel((x, 0)) for x in range(3)] == [0, 0x80, 0xFF]


def test_sixteen_bit_grey_with_a_clear_value(make: Any) -> None:
    data = png(2, 1, 16, 0, b"\0" + struct.pack(">2H", 1000, 40000), (b"tRNS", struct.pack(">H", 1000)))
    ((_, out),) = make(data, Preset("pixels", 10, 10, "png")).values()
    picture = Image.open(io.BytesIO(out)).convert("RGBA")
    assert [picture.getpixel((x, 0))[3] for x in (0, 1)] == [0, 255]


def test_inks_without_a_profile_look_printed(shown: Shown) -> None:
    inks = Image.new("CMYK", (60, 20))
    for index, colour in enumerate([(0, 0, 0, 0), (255, 0, 0, 0), (0, 0, 0, 255)]):
        inks.paste(colour, (index * 20, 0, index * 20 + 20, 20))
    picture = shown(saved(inks, "JPEG", quality=95)).convert("RGB")
    paper, cyan, black = (picture.getpixel((x, 10)) for x in (10, 30, 50))
    assert min(paper) >= 253
    assert cyan[0] < 40
    assert 130 < cyan[1] < cyan[2]  # process cyan, not (0, 255, 255)
    assert max(black) < 50


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_what_is_transparent_is_white_in_a_jpeg_and_stays_clear_in_webp(make: Any, mode: str) -> None:
    base = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    base.paste((128, 128, 128, 255), (20, 0, 40, 20))
    data = saved(base.quantize(4), "PNG") if mode == "P" else saved(base.convert(mode), "PNG")
    made = make(data, Preset("white", 40), Preset("clear", 40, format="webp"))
    white = Image.open(io.BytesIO(made["white"][1])).convert("RGB")
    assert min(white.getpixel((4, 10))) > 250
    assert max(abs(value - 128) for value in white.getpixel((35, 10))) < 6
    clear = Image.open(io.BytesIO(made["clear"][1])).convert("RGBA")
    assert [clear.getpixel((x, 10))[3] for x in (4, 35)] == [0, 255]


def test_colours_of_clear_pixels_do_not_bleed_into_the_edge(shown: Shown) -> None:
    picture = Image.new("RGBA", (400, 400), (255, 0, 0, 0))  # clear, and red behind it
    picture.paste((0, 0, 255, 255), (0, 0, 197, 400))
    small = shown(saved(picture, "PNG"), 40, 40).convert("RGBA")
    edge = small.getpixel((19, 20))
    assert edge[3] > 100
    assert edge[0] < 20


def test_one_bit_and_palette(shown: Shown) -> None:
    picture = four("rgbw", (120, 80))
    assert corners(shown(saved(picture.quantize(8), "GIF"))) == "rgbw"
    checks = Image.new("1", (64, 64))
    checks.paste(1, (0, 0, 32, 64))
    assert [shown(saved(checks, "PNG")).convert("L").getpixel((x, 5)) for x in (5, 60)] == [255, 0]


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_what_moves_the_first_frame(shown: Shown, format_name: str) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue", "lime")]
    data = saved(frames[0], format_name, save_all=True, append_images=frames[1:], duration=100)
    red, green, blue = shown(data).convert("RGB").getpixel((30, 20))
    assert red > 240
    assert max(green, blue) < 20


def p3_to_srgb(colour: tuple[int, int, int]) -> list[float]:
    """CSS Color 4, 10: the matrices between the two spaces, both with sRGB's curve."""
    linear = [value / 12.92 if (value := c / 255) <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for c in colour]
    matrix = ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979))
    out = [sum(weight * value for weight, value in zip(row, linear, strict=True)) for row in matrix]
    clipped = [min(max(value, 0), 1) for value in out]
    return [255 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055) for v in clipped]


@pytest.mark.parametrize("colour", [(200, 100, 50), (60, 180, 90), (128, 128, 128), (255, 0, 0)])
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_display_p3_becomes_srgb_and_the_profile_goes(
    make: Any, shown: Shown, format_name: str, colour: tuple[int, int, int]
) -> None:
    data = saved(Image.new("RGB", (64, 64), colour), format_name, icc_profile=DISPLAY_P3, quality=95)
    got = shown(data).convert("RGB").getpixel((32, 32))
    assert max(abs(a - b) for a, b in zip(got, p3_to_srgb(colour), strict=True)) <= 4
    ((_, out),) = make(data, Preset("small", 32)).values()
    assert "icc_profile" not in Image.open(io.BytesIO(out)).info


def test_a_broken_profile_is_none_and_srgb_changes_nothing(shown: Shown) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (b"nonsense", DISPLAY_P3[:100], DISPLAY_P3[:300], srgb):
        data = saved(Image.new("RGB", (64, 64), (200, 100, 50)), "PNG", icc_profile=profile)
        assert shown(data).convert("RGB").getpixel((32, 32)) == (200, 100, 50)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["L", "RGB", "RGBA", "P", "CMYK", "1", "LA"]),
       st.integers(1, 400), st.integers(1, 400))  # fmt: skip
def test_any_size_and_mode_fits_and_is_never_enlarged(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, mode: str, most_width: int, most_height: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    Image.new("RGB", (width, height), (90, 120, 30)).convert(mode).save(path, "TIFF")
    presets = [Preset("a", most_width, most_height), Preset("b", max(most_width // 3, 1), most_height, "webp")]
    for preset, made in render(path, presets):
        assert made.size == preset.size_for((width, height)) == Image.open(io.BytesIO(made.data)).size
        assert made.size[0] <= min(width, preset.width)
        assert made.size[1] <= min(height, preset.height)


def test_detail_survives(make: Any) -> None:
    """Against one decode at full size and Pillow's own Lanczos: what shrinking on load and the cascade cost."""
    picture = scene(3, 2600, 1950)
    original = jpeg(picture, 95)
    whole = Image.open(io.BytesIO(original)).convert("RGB")
    for name, (one, data) in make(original, *PRESETS).items():
        best = np.asarray(whole.resize((one.width, one.height), Image.Resampling.LANCZOS), dtype=float)
        got = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)
        decibels = 10 * np.log10(255**2 / np.mean((best - got) ** 2))
        assert decibels > 33, (name, decibels)
