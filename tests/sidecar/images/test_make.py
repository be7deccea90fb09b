"""Errors, limits, byte limits, metadata, RAW: what callers of `Pictures` are promised. Real children throughout."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import jpeg, plant, scene
from PIL import Image

from mediabridge.sidecar import images
from mediabridge.sidecar.faults import MemoryShort
from mediabridge.sidecar.images import PRESETS, Pictures, Preset, Preview, start_pool
from mediabridge.sidecar.images.errors import TOLD_BY_THE_CHILD, PictureError, RawPicture
from mediabridge.sidecar.images.make import _MEANS
from mediabridge.sidecar.isolated import IsolationError, Limits, TaskFailed


def saved(picture: Image.Image, format_name: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format_name, **options)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of one colour, its rows packed without being held; small for what it claims."""
    squeeze = zlib.compressobj(1)
    packed = squeeze.compress(bytes(10_000)) + squeeze.flush()
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def test_the_presets_of_the_contract(make: Any) -> None:
    made = make(jpeg(scene(1, 2600, 1300)), *PRESETS)
    kinds = {name: (one.width, one.height, one.mime_type, one.quality) for name, (one, _) in made.items()}
    assert kinds == {
        "ai-vision": (2048, 1024, "image/jpeg", 90),
        "ai-chat": (1920, 960, "image/jpeg", 85),
        "preview": (800, 400, "image/jpeg", 85),
        "thumbnail": (200, 100, "image/webp", 80),
    }
    for one, data in made.values():
        picture = Image.open(io.BytesIO(data))
        assert (picture.size, Image.MIME[picture.format or ""], len(data)) == (
            (one.width, one.height),
            one.mime_type,
            one.size,
        )


def test_nothing_is_enlarged(make: Any) -> None:
    for one, _ in make(jpeg(scene(1, 120, 90)), *PRESETS).values():
        assert (one.width, one.height) == (120, 90)


def test_a_strip_keeps_its_one_pixel(make: Any) -> None:
    data = saved(Image.effect_noise((20_000, 1), 50).transpose(Image.Transpose.ROTATE_90), "PNG")
    sizes = {name: (one.width, one.height) for name, (one, _) in make(data, *PRESETS).items()}
    assert sizes == {"ai-vision": (1, 16383), "ai-chat": (1, 16383), "preview": (1, 16383), "thumbnail": (1, 200)}


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", images.NoPicture, "empty"),
        (b"no picture at all, only words", images.NoPicture, "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", images.NoPicture, "no picture"),
        (b"\xff\xd8\xff\xe0 and then nothing", images.BrokenPicture, "JPEG"),
        (jpeg(scene(1))[:20_000], images.BrokenPicture, "damaged"),
        (bomb(50_000, 50_000), images.TooManyPixels, "more than"),
        (bomb(10_001, 10_000), images.TooManyPixels, "10001x10000"),
        (b"II*\0" + bytes(12), images.NoPreview, "preview"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(100), images.NoPreview, "preview"),
    ],
)
def test_what_cannot_be_shown_says_why(make: Any, data: bytes, error: type[PictureError], words: str) -> None:
    with pytest.raises(error, match=words):
        make(data, *PRESETS)


def test_a_bomb_is_refused_before_a_pixel_is_decoded(tmp_path: Path) -> None:
    """The child may not even hold one row set of what it claims: 2.5 thousand million pixels, 150 MB."""
    (tmp_path / "bomb").write_bytes(bomb(50_000, 50_000))
    small = Pictures(start_pool(1, Limits(memory_bytes=256 * 1024**2)))
    with pytest.raises(images.TooManyPixels):
        small.make(tmp_path / "bomb", PRESETS, lambda one, data: None)
    small.close()


def test_memory_is_bounded_and_the_next_file_is_served(tmp_path: Path) -> None:
    large, good = tmp_path / "large", tmp_path / "good"
    large.write_bytes(saved(Image.new("RGBA", (8000, 8000), (1, 2, 3, 4)), "PNG"))
    good.write_bytes(jpeg(scene(1)))
    pictures = Pictures(start_pool(1, Limits(memory_bytes=320 * 1024**2)))
    with pytest.raises(images.TooHard, match="320 MiB"):
        pictures.make(large, PRESETS, lambda one, data: None)
    assert set(pictures.make(good, PRESETS, lambda one, data: None)) == {preset.name for preset in PRESETS}
    pictures.close()


def test_every_way_in_which_a_child_fails_has_an_error_of_ours() -> None:
    assert set(_MEANS) | {TaskFailed} == set(IsolationError.__subclasses__())
    assert set(TOLD_BY_THE_CHILD.values()) >= {images.NoPicture, images.TooManyPixels, images.BrokenPicture, RawPicture}


def test_what_the_receiver_raises_comes_through_and_costs_nothing(pictures: Pictures, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(jpeg(scene(1)))

    def full(one: object, data: bytes) -> None:
        raise OSError(28, "disk full")

    with pytest.raises(OSError, match="disk full"):
        pictures.make(tmp_path / "a", PRESETS, full)
    assert len(pictures.make(tmp_path / "a", PRESETS, lambda one, data: None)) == 4


@given(st.integers(3_000, 120_000), st.integers(20, 95), st.integers(50, 900))
@settings(max_examples=25, deadline=None)
def test_optimize_keeps_to_the_bytes(
    pictures: Pictures, tmp_path_factory: pytest.TempPathFactory, most: int, quality: int, side: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "scene.jpg"
    if not path.exists():
        path.write_bytes(jpeg(scene(5)))
    free, _ = pictures.optimize(path, side, quality)
    made, data = pictures.optimize(path, side, quality, most)
    assert len(data) == made.size <= most
    assert made.quality <= quality
    assert max(made.width, made.height) <= min(side, 640)
    if free.size <= most:
        assert made == free
    elif made.width == free.width and made.quality < quality:
        better, _ = pictures.optimize(path, side, made.quality + 1)
        assert better.size > most  # the best quality that fits was taken


def test_optimize_says_what_is_wrong(pictures: Pictures, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(jpeg(scene(1)))
    with pytest.raises(images.CannotFit, match="not even 16x12 pixels fit into 10 bytes"):
        pictures.optimize(tmp_path / "a", max_bytes=10)
    for arguments, name in (
        ({"max_size": 0}, "width"),
        ({"quality": 101}, "quality"),
        ({"max_bytes": 0}, "most_bytes"),
    ):
        with pytest.raises(ValueError, match=name):
            pictures.optimize(tmp_path / "a", **arguments)


def test_metadata_stays_only_when_it_is_asked_for(make: Any, exiftool: Path, tmp_path: Path) -> None:
    path = tmp_path / "tagged.jpg"
    path.write_bytes(jpeg(scene(1), comment=b"private words"))
    plant(exiftool, path, "-EXIF:Make=Canon", "-EXIF:GPSLatitude=48.1", "-XMP:Creator=me", "-IPTC:Keywords=k",
          "-EXIF:Orientation#=6", "-EXIF:ExifImageWidth=9999")  # fmt: skip
    presets = [
        Preset("none", 100), Preset("exif", 100, keep=frozenset({"exif"})),
        Preset("gps", 100, keep=frozenset({"exif", "gps"})), Preset("webp", 100, 100, "webp"),
        Preset("png", 100, 100, "png"), Preset("avif", 100, 100, "avif"),
    ]  # fmt: skip
    kept: dict[str, Any] = {}
    for name, (one, data) in make(path, *presets).items():
        (tmp_path / f"{name}.{one.extension}").write_bytes(data)
        command = [exiftool, "-j", "-G0", "-n", tmp_path / f"{name}.{one.extension}"]
        kept[name] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)[0]
    for name in ("none", "webp", "png", "avif"):
        assert not [key for key in kept[name] if key.startswith(("EXIF:", "XMP:", "IPTC:", "ICC", "File:Comment"))], (
            name
        )
    assert kept["exif"]["EXIF:Make"] == kept["gps"]["EXIF:Make"] == "Canon"
    assert "EXIF:GPSLatitude" not in kept["exif"]
    assert kept["gps"]["EXIF:GPSLatitude"] == pytest.approx(48.1)
    for name in ("exif", "gps"):
        assert not {"EXIF:Orientation", "EXIF:ExifImageWidth", "XMP:Creator", "IPTC:Keywords"} & set(kept[name])


def test_threads_share_the_children(pictures: Pictures, tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.jpg" for index in range(6)]
    for index, path in enumerate(paths):
        path.write_bytes(jpeg(Image.new("RGB", (300, 200), (40 * index, 0, 0))))
    seen: dict[int, int] = {}

    def work(index: int) -> None:
        made: list[bytes] = []
        pictures.make(paths[index], [Preset("p", 50, 50, "png")], lambda one, data: made.append(data))
        seen[index] = Image.open(io.BytesIO(made[0])).convert("RGB").getpixel((5, 5))[0]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(abs(seen[index] - 40 * index) < 4 for index in range(6))


def test_a_raw_file_is_shown_by_its_preview_turned_as_the_raw_file_says(tmp_path: Path) -> None:
    (tmp_path / "a.raf").write_bytes(b"FUJIFILMCCD-RAW 0201" + bytes(100))
    pictures = Pictures(start_pool(1), lambda path: Preview(jpeg(scene(1, 300, 200)), 6))
    made = pictures.make(tmp_path / "a.raf", PRESETS, lambda one, data: None)
    assert (made["preview"].width, made["preview"].height) == (200, 300)
    pictures.close()
    again = Pictures(start_pool(1), lambda path: Preview(path.read_bytes()))
    with pytest.raises(images.BrokenPicture, match="RAW file again"):
        again.make(tmp_path / "a.raf", PRESETS, lambda one, data: None)
    again.close()


def test_nothing_is_decoded_when_there_is_no_memory_for_it(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(scene(1)))

    def refuse() -> None:
        raise MemoryShort("Memory is nearly exhausted.")

    pool = start_pool(1)
    pictures = Pictures(pool, refuse=refuse)
    with pytest.raises(MemoryShort):
        pictures.make(path, PRESETS, lambda _made, _data: None)
    assert pool.pids() == []  # not even a child was started
    pictures.close()
