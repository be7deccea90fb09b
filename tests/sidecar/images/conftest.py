"""One pool of real children for all picture tests, and a short way to ask it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from mediabridge.sidecar.images import Made, Pictures, Preset, start_pool


@pytest.fixture(scope="session")
def pictures() -> Iterator[Pictures]:
    made = Pictures(start_pool(2))
    yield made
    made.close()


@pytest.fixture
def make(pictures: Pictures, tmp_path: Path) -> Callable[..., dict[str, tuple[Made, bytes]]]:
    def made(source: Path | bytes, *presets: Preset) -> dict[str, tuple[Made, bytes]]:
        path = source if isinstance(source, Path) else tmp_path / "source"
        if isinstance(source, bytes):
            path.write_bytes(source)
        out: dict[str, tuple[Made, bytes]] = {}
        pictures.make(path, presets, lambda one, data: out.update({one.preset: (one, data)}))
        return out

    return made


@pytest.fixture
def shown(make: Callable[..., dict[str, tuple[Made, bytes]]]) -> Callable[..., Image.Image]:
    """The pixels that come out, without loss."""

    def picture(source: Path | bytes, width: int = 400, height: int = 400) -> Image.Image:
        ((_, data),) = make(source, Preset("pixels", width, height, "png")).values()
        return Image.open(io.BytesIO(data))

    return picture
