"""Photos and videos made from the corpus: copies whose last bytes differ, in nested folders, as a library has them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mediabridge.sidecar.library.importing.types import judge

CORPUS = Path(os.environ.get("MEDIABRIDGE_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus") / "files"
GROUPS = ("metadata", "real", "timestamps", "orientation", "duplicates", "raw", "video", "ai", "c2pa")
LARGEST = 1 << 20  # bytes; larger ones would make a benchmark of the disk
_BOXES = frozenset({".mp4", ".mov", ".m4v", ".heic", ".heif", ".avif"})  # ISO media: what follows must be a box


def sources() -> list[Path]:
    """Files of the corpus that an import takes; one made here where there is none."""
    found = sorted(path for group in GROUPS for path in (CORPUS / group).rglob("*") if path.is_file())
    return [path for path in found if 0 < (size := path.stat().st_size) <= LARGEST and judge(str(path), size)]


def make(folder: Path, count: int) -> list[Path]:
    """So many files, no two with the same bytes, 100 in a folder."""
    contents = [(path.suffix.lower(), path.read_bytes()) for path in sources()] or [(".jpg", _photo())]
    made = []
    for number in range(count):
        suffix, content = contents[number % len(contents)]
        path = folder / f"{number // 1000:02}" / f"{number // 100:04}" / f"IMG_{number:05}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content + _mark(suffix, number))
        made.append(path)
    return made


def chunks(paths: list[Path], size: int) -> Iterator[list[Path]]:
    """The paths, so many at a time."""
    return (paths[start : start + size] for start in range(0, len(paths), size))


def _mark(suffix: str, number: int) -> bytes:
    mark = f"copy {number:07}".encode()
    return (len(mark) + 8).to_bytes(4, "big") + b"free" + mark if suffix in _BOXES else b"\n" + mark


def _photo() -> bytes:
    rough = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rough).resize((1280, 960), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()
