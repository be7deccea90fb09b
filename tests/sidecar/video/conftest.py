"""Small videos made by FFmpeg itself, and a way to have a poster through the whole pipeline."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from mediabridge.sidecar.images import Made, Pictures, Preset, start_pool
from mediabridge.sidecar.video import FFmpeg, Poster, find_tools

QUARTERS = (
    "color=c=red:s=64x48:r=10:d=2,drawbox=x=32:y=0:w=32:h=24:c=lime:t=fill,"
    "drawbox=x=0:y=24:w=32:h=24:c=blue:t=fill,drawbox=x=32:y=24:w=32:h=24:c=white:t=fill"
)
# The display matrix of ISO/IEC 14496-12, 8.3.2: {a, b, u, c, d, v, x, y, w}; a turn by so many degrees clockwise.
TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


@pytest.fixture(scope="session")
def have_ffmpeg() -> None:
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        pytest.skip("FFmpeg is not on PATH")


@pytest.fixture(scope="session")
def film(have_ffmpeg: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`film("name.mp4", "-f", "lavfi", ...)`: FFmpeg's arguments but for the name."""
    folder = tmp_path_factory.mktemp("films")

    def made(name: str, *options: str) -> Path:
        path = folder / name
        subprocess.run(["ffmpeg", "-v", "error", "-y", *options, str(path)], check=True, stdin=subprocess.DEVNULL)
        return path

    return made


@pytest.fixture(scope="session")
def quarters(film: Callable[..., Path]) -> Path:
    """Red, lime over blue, white; with sound; `moov` first, so that a part of it can be played too."""
    return film(
        "quarters.mp4", "-f", "lavfi", "-i", QUARTERS, "-f", "lavfi", "-i", "sine=d=2", "-c:v", "mpeg4", "-q:v", "2",
        "-c:a", "aac", "-movflags", "+faststart",
    )  # fmt: skip


def turned(content: bytes, degrees: int) -> bytes:
    """The same MP4 with another display matrix in its first track."""
    a, b, c, d = TURNS[degrees]
    at = content.index(b"tkhd") + 44
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    return content[:at] + matrix + content[at + len(matrix) :]


@pytest.fixture(scope="session")
def ffmpeg() -> FFmpeg:
    return FFmpeg(lambda: find_tools(None))


@pytest.fixture(scope="module")
def shown(ffmpeg: FFmpeg) -> Iterator[Callable[[Path], Image.Image]]:
    """A video as a preset shows it, without loss."""
    pictures = Pictures(start_pool(1), None, Poster(ffmpeg))

    def picture(path: Path) -> Image.Image:
        out: list[bytes] = []

        def take(_: Made, data: bytes) -> None:
            out.append(data)

        pictures.make(path, [Preset("pixels", 4096, format="png")], take)
        return Image.open(io.BytesIO(out[0])).convert("RGB")

    yield picture
    pictures.close()
