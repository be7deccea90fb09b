"""The pictures are those that sharp makes, of real files and of the kinds that are got wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_pictures import DISPLAY_P3, png, saved, turned
from pictures import scene
from PIL import Image

from mediabridge.sidecar.images import Pictures, Preset
from mediabridge.sidecar.images.errors import PictureError

ROOT = Path(__file__).parents[3]


def as_seen(picture: Image.Image) -> Any:
    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture.convert("RGBA"))
    return np.asarray(ground.convert("RGB"), dtype=int)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Path]], dict[Path, Path]]:
    """sharp's picture of each file that it can read, within 400 x 400."""
    folder = ROOT / "benchmarks" / "images"
    if shutil.which("node") is None or not (folder / "node_modules" / "sharp").is_dir():
        assert os.environ.get("NODE_TESTS") != "required", "sharp must be there: npm install in benchmarks/images"
        pytest.skip("sharp is not installed: npm install in benchmarks/images")
    out = tmp_path_factory.mktemp("sharp")

    def pictures_of(paths: list[Path]) -> dict[Path, Path]:
        targets = {path: out / f"{index}.png" for index, path in enumerate(paths)}
        jobs = "".join(
            json.dumps({"source": str(path), "target": str(target), "width": 400, "height": 400}) + "\n"
            for path, target in targets.items()
        )
        run = subprocess.run(
            ["node", "reference.mjs"], input=jobs, text=True, capture_output=True, cwd=folder, check=True
        )
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        return {Path(answer["source"]): targets[Path(answer["source"])] for answer in answers if "error" not in answer}

    return pictures_of


READ_BY_SHARP_ALONE = {"clap_irot_imir_non_essential.avif", "rgb32f_color.tiff", "C.jpg"}
KINDS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".avif"}


def test_the_pictures_are_those_of_sharp(
    corpus: Path, reference: Callable[[list[Path]], dict[Path, Path]], pictures: Pictures
) -> None:
    groups = ("preset-input", "orientation", "real", "c2pa", "metadata")
    found = [path for group in groups for path in sorted((corpus / group).rglob("*"))]
    chosen = [path for path in found if path.suffix.lower() in KINDS]
    theirs, far = reference(chosen), {}
    assert len(theirs) > 100
    for path, their_path in theirs.items():
        out: list[bytes] = []
        try:
            pictures.make(path, [Preset("p", 400, 400, "png")], lambda one, data, out=out: out.append(data))
        except PictureError:
            assert path.name in READ_BY_SHARP_ALONE
            continue
        ours, other = as_seen(Image.open(io.BytesIO(out[0]))), as_seen(Image.open(their_path))
        assert np.abs(np.subtract(ours.shape, other.shape)).max() <= 1, path  # libvips rounds some sizes down
        if ours.shape == other.shape and (distance := float(np.abs(ours - other).mean())) > 2.5:
            far[path.name] = distance
    # Inks without a profile are anybody's guess; ours stays near theirs.
    assert {name: distance for name, distance in far.items() if "cmyk" not in name.lower() or distance > 5} == {}


def kinds() -> dict[str, bytes]:
    """A file of each kind, by its name."""
    photo = scene(1, 320, 240)
    clear = photo.copy()
    clear.putalpha(Image.linear_gradient("L").resize(photo.size))
    deep = np.asarray(photo).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    frames: dict[str, Any] = {"save_all": True, "append_images": [scene(2, 320, 240), scene(3, 320, 240)]}
    return {
        **{f"turn-{turn}.jpg": turned(turn, "JPEG") for turn in range(1, 9)},
        "sixteen-bit.png": png(320, 240, 16, 2, rows),
        "palette.png": saved(photo.quantize(64), "PNG"),
        "palette.gif": saved(photo.quantize(64), "GIF"),
        "la.png": saved(clear.convert("LA"), "PNG"),
        "rgba.webp": saved(clear, "WEBP", lossless=True),
        "moving.webp": saved(photo, "WEBP", lossless=True, **frames),
        "moving.gif": saved(photo, "GIF", **frames),
        "p3.jpg": saved(photo, "JPEG", quality=95, icc_profile=DISPLAY_P3),
        "grey.jpg": saved(photo.convert("L"), "JPEG", quality=95),
        "strip.png": saved(photo.resize((1, 20000)), "PNG"),
        "cmyk.jpg": saved(photo.convert("CMYK"), "JPEG", quality=95),
    }


def test_the_kinds_that_are_got_wrong_are_those_of_sharp(
    reference: Callable[[list[Path]], dict[Path, Path]], pictures: Pictures, tmp_path: Path
) -> None:
    for name, data in kinds().items():
        (tmp_path / name).write_bytes(data)
    theirs = reference(sorted(tmp_path.iterdir()))
    assert len(theirs) == len(kinds())
    far = {}
    for path, their_path in theirs.items():
        out: list[bytes] = []
        pictures.make(path, [Preset("p", 400, 400, "png")], lambda one, data, out=out: out.append(data))
        ours, other = as_seen(Image.open(io.BytesIO(out[0]))), as_seen(Image.open(their_path))
        distance = float(np.abs(ours - other).mean()) if ours.shape == other.shape else float("inf")
        # Inks without a profile are anybody's guess.
        if distance > (12 if "cmyk" in path.name else 2.5):
            far[path.name] = distance
    assert far == {}
