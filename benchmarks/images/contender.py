"""The Python contenders. A line {"files", "out"} on standard input is answered by {"wall", "ms"}: see contender.mjs."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

PRESETS = (
    ("ai-vision", 2048, 16383, "JPEG", 90), ("ai-chat", 1920, 16383, "JPEG", 85),
    ("preview", 800, 16383, "JPEG", 85), ("thumbnail", 200, 200, "WEBP", 80),
)  # fmt: skip
Work = Callable[[str, str | None], float]


def put(out: str | None, file: str, name: str, data: bytes) -> None:
    if out:
        (Path(out) / f"{Path(file).name}.{name}").write_bytes(data)


def pillow_naive(file: str, out: str | None) -> None:
    """As it is usually written: open, turn, thumbnail, save; for each preset."""
    from PIL import Image, ImageOps

    for name, width, height, format_name, quality in PRESETS:
        picture = ImageOps.exif_transpose(Image.open(file))
        picture.thumbnail((width, height), Image.Resampling.LANCZOS, reducing_gap=None)
        target = io.BytesIO()
        picture.save(target, format_name, quality=quality)
        put(out, file, name, target.getvalue())


def pillow_best(file: str, out: str | None) -> None:
    """Pillow alone: one decode as small as may be, each size from the next larger."""
    from PIL import Image, ImageOps

    picture = Image.open(file)
    picture.draft("RGB", (4096, 3072))
    picture = ImageOps.exif_transpose(picture)
    for name, width, height, format_name, quality in PRESETS:
        picture = picture.copy()
        picture.thumbnail((width, height), Image.Resampling.LANCZOS, reducing_gap=2)
        target = io.BytesIO()
        picture.save(target, format_name, quality=quality, **({"optimize": True} if format_name == "JPEG" else {}))
        put(out, file, name, target.getvalue())


def vips_best(file: str, out: str | None) -> None:
    """libvips: one decode, each size from the next larger."""
    import pyvips

    picture = pyvips.Image.thumbnail(file, 2048, height=16383, size="down").copy_memory()
    for name, width, height, format_name, quality in PRESETS:
        picture = picture.thumbnail_image(width, height=height, size="down").copy_memory()
        suffix = ".jpg" if format_name == "JPEG" else ".webp"
        optimised = {"optimize_coding": True, "subsample_mode": "on"} if format_name == "JPEG" else {}
        put(out, file, name, picture.write_to_buffer(suffix, Q=quality, strip=True, **optimised))


def timed(how: Callable[[str, str | None], None], file: str, out: str | None) -> float:
    start = time.perf_counter()
    how(file, out)
    return 1000 * (time.perf_counter() - start)


def ours(workers: int) -> Callable[[str, str | None], None]:
    from mediabridge.sidecar.images import PRESETS as TABLE
    from mediabridge.sidecar.images import Pictures, start_pool

    pictures = Pictures(start_pool(workers))
    return lambda file, out: (
        pictures.make(Path(file), TABLE, lambda one, data: put(out, file, one.preset, data)) and None
    )


def main() -> None:
    name, workers = sys.argv[1], int(sys.argv[2])
    how: Callable[[str, str | None], Any] = ours(workers) if name == "ours" else globals()[name]
    # Pillow holds the interpreter for part of its work; who writes it naively for speed takes processes.
    pool: Executor = ProcessPoolExecutor(workers) if name.startswith("pillow") else ThreadPoolExecutor(workers)
    for line in sys.stdin:
        job = json.loads(line)
        start = time.perf_counter()
        futures = [pool.submit(timed, how, file, job["out"]) for file in job["files"]]
        ms = [future.result() for future in futures]
        print(json.dumps({"wall": time.perf_counter() - start, "ms": ms}), flush=True)


if __name__ == "__main__":
    main()
