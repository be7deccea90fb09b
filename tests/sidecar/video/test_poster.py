"""Poster frames through the whole pipeline, from real FFmpeg: upright, not black, or the right refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediabridge.sidecar import faults
from mediabridge.sidecar.images import NoPicture
from mediabridge.sidecar.video import FFmpeg, Poster
from mediabridge.sidecar.video.poster import MOST_SIDE, is_dark, positions, poster_size

from .conftest import turned

COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
Shown = Callable[[Path], Image.Image]


def corners(picture: Image.Image) -> list[str]:
    """The colours of the four quarters, row by row, by name."""
    found = []
    for across, down in ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)):
        pixel = picture.getpixel((int(picture.width * across), int(picture.height * down)))
        assert isinstance(pixel, tuple)
        near = {name: sum(abs(a - b) for a, b in zip(pixel, rgb, strict=True)) for name, rgb in COLOURS.items()}
        best = min(near, key=lambda name: near[name])
        assert near[best] < 60, (pixel, near)
        found.append(best)
    return found


@pytest.mark.parametrize(
    ("degrees", "size", "expected"),
    [
        (0, (64, 48), ["red", "lime", "blue", "white"]),
        (90, (48, 64), ["blue", "red", "white", "lime"]),
        (180, (64, 48), ["white", "blue", "lime", "red"]),
        (270, (48, 64), ["lime", "white", "red", "blue"]),
    ],
)
def test_it_is_upright_and_turned_once(
    quarters: Path, shown: Shown, tmp_path: Path, degrees: int, size: tuple[int, int], expected: list[str]
) -> None:
    path = tmp_path / "turned"
    path.write_bytes(turned(quarters.read_bytes(), degrees))
    picture = shown(path)
    assert picture.size == size
    assert corners(picture) == expected


def test_a_black_beginning_is_passed_over(film: Callable[..., Path], shown: Shown) -> None:
    dark = "color=c=yellow:s=64x48:r=5:d=6,drawbox=t=fill:c=black:enable='lt(t,2)'"
    picture = shown(film("dark.mp4", "-f", "lavfi", "-i", dark, "-c:v", "mpeg4", "-g", "100"))
    red, green, blue = picture.resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert red > 200
    assert green > 200
    assert blue < 60


def test_a_video_that_is_black_throughout_still_has_one(film: Callable[..., Path], shown: Shown) -> None:
    picture = shown(film("night.avi", "-f", "lavfi", "-i", "color=c=black:s=32x32:r=5:d=1", "-c:v", "mjpeg"))
    assert picture.size == (32, 32)
    assert picture.getextrema() == ((0, 0), (0, 0), (0, 0))


def test_pixels_that_are_not_square_are_made_so(film: Callable[..., Path], shown: Shown) -> None:
    source = "color=c=red:s=72x56:r=5:d=0.4,setsar=16/9"
    assert shown(film("wide.mkv", "-f", "lavfi", "-i", source, "-c:v", "mpeg4")).size == (128, 56)


def test_a_recording_that_names_no_duration(film: Callable[..., Path], shown: Shown) -> None:
    path = film("live.webm", "-f", "lavfi", "-i", "color=c=red:s=32x32:r=5:d=1", "-c:v", "libvpx", "-live", "1")
    assert shown(path).size == (32, 32)


def test_hdr_becomes_what_a_screen_shows(film: Callable[..., Path], shown: Shown) -> None:
    """Grey of 58 % in PQ is 203 cd/m² (ITU-R BT.2408): taken as it is, it would be a dull grey."""
    pq = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
    grey = "color=c=0x949494:s=64x64:r=5:d=0.4,format=yuv420p"
    picture = shown(film("pq.mkv", "-f", "lavfi", "-i", grey, "-c:v", "mpeg4", "-q:v", "1", *pq))
    low, high = picture.convert("L").getextrema()
    assert isinstance(low, int)
    assert 175 < low <= high < 256


def test_a_file_of_sound_has_none(film: Callable[..., Path], shown: Shown) -> None:
    with pytest.raises(faults.UnsupportedMedia, match="no moving picture"):
        shown(film("sound.mp4", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac"))


def test_a_video_cut_short_shows_what_is_there(quarters: Path, shown: Shown, tmp_path: Path) -> None:
    content, path = quarters.read_bytes(), tmp_path / "cut"
    path.write_bytes(content[: content.index(b"mdat") + 3000])
    assert corners(shown(path)) == ["red", "lime", "blue", "white"]
    path.write_bytes(content[: content.index(b"moov") + 40])
    with pytest.raises(faults.UnreadableFile) as caught:
        shown(path)
    assert str(tmp_path) not in caught.value.message


def test_what_is_no_video_is_left_to_others(ffmpeg: FFmpeg, shown: Shown, tmp_path: Path) -> None:
    for content in (b"", b"#EXTM3U\n", b"words"):
        path = tmp_path / "file"
        path.write_bytes(content)
        assert Poster(ffmpeg)(path) is None
        with pytest.raises(NoPicture):
            shown(path)


@given(st.none() | st.integers(1, 10**9))
def test_positions_lie_within_the_video(duration_ms: int | None) -> None:
    found = list(positions(duration_ms))
    assert found[0] <= 3.0
    assert found[-1] == 0.0
    assert all(at_s >= 0 and (duration_ms is None or at_s <= duration_ms / 1000) for at_s in found)


@given(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)))
def test_a_poster_is_never_enlarged_and_never_too_large(size: tuple[int, int]) -> None:
    found = poster_size(size)
    assert all(1 <= new <= min(old, MOST_SIDE) for new, old in zip(found, size, strict=True))


@pytest.mark.parametrize(("level", "dark"), [(0, True), (30, True), (60, False), (255, False)])
def test_darkness(level: int, dark: bool, tmp_path: Path) -> None:
    path = tmp_path / "one.bmp"
    Image.new("RGB", (100, 100), (level, level, level)).save(path)
    assert is_dark(path.read_bytes()) == dark


def test_the_videos_of_the_corpus(corpus: Path, shown: Shown, ffmpeg: FFmpeg) -> None:
    files = sorted(path for path in (corpus / "video").rglob("*") if path.is_file())
    for path in files:
        if path.suffix in (".mp4", ".mov"):
            assert min(shown(path).size) >= 8, path
    for path in sorted((corpus / "hostile").rglob("*.mp4")):
        with pytest.raises(faults.Fault) as caught:
            shown(path)
        assert isinstance(caught.value, faults.UnreadableFile | faults.UnsupportedMedia)
