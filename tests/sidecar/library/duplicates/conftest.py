"""Pictures drawn by the tests: scenes that no other is like, and what people do to them."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFilter

from mediabridge.sidecar.images import PERCEPTUAL, PerceptualHash, Pictures, start_pool
from mediabridge.sidecar.images.perceptual import hashes
from mediabridge.sidecar.library.duplicates import Picture


@cache
def _scene(seed: int, size: tuple[int, int]) -> Image.Image:
    """Soft shapes of random colours: as much structure as a photograph has at the size of a hash."""
    chance = random.Random(seed)
    picture = Image.new("RGB", size, (chance.randrange(256), chance.randrange(256), chance.randrange(256)))
    draw = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        width, height = chance.randrange(40, size[0] // 2), chance.randrange(40, size[1] // 2)
        colour = tuple(chance.randrange(256) for _ in range(3))
        shape = draw.ellipse if chance.random() < 0.5 else draw.rectangle
        shape((x - width // 2, y - height // 2, x + width // 2, y + height // 2), fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(3))


def scene(seed: int, size: tuple[int, int] = (480, 320)) -> Image.Image:
    return _scene(seed, size).copy()


def saved(picture: Image.Image, format_name: str = "JPEG", **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format_name, **how)
    return out.getvalue()


def reopened(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(saved(picture, quality=quality)))


def file(number: int, picture: Image.Image | None = None, **fields: Any) -> Picture:
    """A file that shows the picture; `fields` over what follows from it."""
    size = picture.size if picture else (0, 0)
    given = {
        "sha256": f"{number:064x}",
        "size": 1000,
        "hash": hashes(picture) if picture else None,
        "width": size[0],
        "height": size[1],
        "name": f"{number}.jpg",
    }
    return Picture(id=number, **{**given, **fields})


@pytest.fixture(scope="session")
def draw() -> Callable[..., Image.Image]:
    return scene


@pytest.fixture(scope="session")
def make_file() -> Callable[..., Picture]:
    return file


@pytest.fixture(scope="session")
def save() -> Callable[..., bytes]:
    return saved


@pytest.fixture(scope="session")
def again() -> Callable[..., Image.Image]:
    """Saved as a JPEG of that quality, and opened again."""
    return reopened


@pytest.fixture(scope="session")
def children() -> Iterator[Pictures]:
    pictures = Pictures(start_pool(2))
    yield pictures
    pictures.close()


@pytest.fixture(scope="session")
def hashed(children: Pictures) -> Callable[[Path], PerceptualHash | None]:
    """The hash of a file, made by a real child."""

    def found(path: Path) -> PerceptualHash | None:
        got: list[bytes] = []
        children.make(path, [PERCEPTUAL], lambda _, data: got.append(data))
        return PerceptualHash.from_bytes(got[0])

    return found
