"""Pictures with the texture of photographs, tags planted by ExifTool, and the analyses' view of a file."""

from __future__ import annotations

import io
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mediabridge.sidecar.analysis.model import Examined, Facts, Subject
from mediabridge.sidecar.extraction import groups

RECEIVED = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def scene(seed: int, width: int = 640, height: int = 480) -> Image.Image:
    """Noise of many sizes laid over each other, as in a landscape; another seed is another picture."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for side in (3, 6, 12, 24, 48, 96, 192, 384):
        small = Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8))
        total += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), dtype=float) / side**0.6
    total -= total.min()
    return Image.fromarray((total * 255 / total.max()).astype(np.uint8))


def jpeg(picture: Image.Image, quality: int = 92, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


def plant(exiftool: Path, path: Path, *tags: str) -> None:
    """Write tags: `-EXIF:Make=Canon`."""
    command = [exiftool, "-config", "", "-q", "-m", "-overwrite_original", *tags, path]
    subprocess.run(command, check=True, capture_output=True)


def metadata(exiftool: Path, path: Path) -> groups.Metadata:
    command = [exiftool, "-config", "", *groups.ARGUMENTS, path]
    run = subprocess.run(command, check=False, capture_output=True)
    return groups.regroup(groups.parse(run.stdout), path.name)


def facts_of(path: Path) -> Facts:
    return Facts(path.name, path.suffix.lstrip(".").lower(), "", RECEIVED)


def subject(path: Path, tags: groups.Metadata | None = None) -> Subject:
    return Subject(path, tags or {}, facts_of(path))


def kinds(examined: Examined) -> set[str]:
    return {finding.kind for finding in examined.findings}
