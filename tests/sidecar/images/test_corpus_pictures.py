"""Real files that nobody here made: RAW, hostile ones, and a comparison with sharp. Skipped where they are missing."""

from __future__ import annotations

import contextlib
import csv
import json
import subprocess
from pathlib import Path

import psutil
import pytest

from mediabridge.sidecar import images
from mediabridge.sidecar.images import LIMITS, PRESETS, ExifToolPreview, Pictures, Preset, start_pool
from mediabridge.sidecar.images.errors import PictureError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["Issue 247-1.nef", "testCR2.cr2", "testDNG.dng", "testNEF.nef", "C.dng"])
def test_raw_files_of_the_corpus(corpus: Path, exiftool: Path, name: str) -> None:
    (path,) = corpus.rglob(name)
    pictures = Pictures(start_pool(1), ExifToolPreview(lambda: str(exiftool)))
    tags = json.loads(subprocess.run([exiftool, "-j", "-n", path], check=True, capture_output=True).stdout)[0]
    embedded = any(tag in tags for tag in ("JpgFromRaw", "PreviewImage", "ThumbnailImage", "OtherImage"))
    try:
        made = pictures.make(path, PRESETS, lambda one, data: None)
        assert embedded
        if tags["ImageWidth"] != tags["ImageHeight"]:
            lying = (tags["ImageWidth"] > tags["ImageHeight"]) != (tags.get("Orientation", 1) in (5, 6, 7, 8))
            assert (made["preview"].width > made["preview"].height) == lying
    except images.NoPreview:
        assert not embedded
    finally:
        pictures.close()


def test_every_picture_has_the_size_in_which_it_is_displayed(corpus: Path, pictures: Pictures) -> None:
    small, wrong, formats = Preset("small", 64, 64, "png"), [], set()
    with (corpus.parent / "gt" / "images.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["format"] in {"JPEG", "MPO", "HEIF", "AVIF", "WEBP", "TIFF"}]
    for row in rows:
        # Told from the header there, which has no word of AVIF's own turning; viewers and sharp turn it.
        if not row["path"].startswith("files/raw/") and "irot" not in row["path"]:
            made = pictures.make(corpus.parent / row["path"], [small], lambda one, data: None)["small"]
            formats.add(row["format"])
            if (made.width, made.height) != small.size_for((int(row["display_width"]), int(row["display_height"]))):
                wrong.append(row["path"])
    assert wrong == []
    assert formats >= {"JPEG", "HEIF", "AVIF", "WEBP", "TIFF"}


def test_no_hostile_file_of_the_corpus_does_harm(corpus: Path, pictures: Pictures) -> None:
    largest = 0
    for path in (path for group in ("hostile", "preset-input") for path in (corpus / group).rglob("*")):
        if path.is_file():
            with contextlib.suppress(PictureError):
                pictures.make(path, PRESETS, lambda one, data: None)
            largest = max([largest, *(child.memory_info().rss for child in psutil.Process().children())])
    assert largest < LIMITS.memory_bytes
