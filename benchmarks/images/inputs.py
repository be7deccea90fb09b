"""Twelve-megapixel JPEGs out of real photos: half are one photo enlarged, half nine photos at about their own size."""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 4032, 3024
LEAST_SIDE = 1000


def photos() -> list[Path]:
    """Real photos of the corpus, the largest first. Ends the program when there is no corpus."""
    corpus = Path(os.environ.get("MEDIABRIDGE_CORPUS") or ROOT.parent / "shared" / "corpus")
    found = [path for path in (corpus / "files" / "real").rglob("*.jpg") if min(size_of(path)) >= LEAST_SIDE]
    if not found:
        raise SystemExit(f"no photos below {corpus}: set MEDIABRIDGE_CORPUS to the corpus' folder")
    return sorted(found, key=size_of, reverse=True)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def covering(path: Path, width: int, height: int) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    scale = max(width / picture.width, height / picture.height)
    size = (max(round(picture.width * scale), width), max(round(picture.height * scale), height))
    return picture.resize(size, Image.Resampling.LANCZOS).crop((0, 0, width, height))


def mosaic(paths: list[Path]) -> Image.Image:
    whole = Image.new("RGB", (WIDTH, HEIGHT))
    for index in range(9):
        tile = covering(paths[index % len(paths)], WIDTH // 3, HEIGHT // 3)
        whole.paste(tile, (index % 3 * (WIDTH // 3), index // 3 * (HEIGHT // 3)))
    return whole


def write(folder: Path, count: int) -> list[Path]:
    """`count` files in `folder`."""
    sources, written = photos(), []
    for index in range(count):
        turned = sources[index % len(sources) :] + sources[: index % len(sources)]
        picture = mosaic(turned) if index % 2 else covering(turned[0], WIDTH, HEIGHT)
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=90)
        path = folder / f"{index}.jpg"
        path.write_bytes(out.getvalue())
        written.append(path)
    return written
