"""A small photo with a thumbnail of about five kilobytes, and as many files of it as are wanted, no two the same."""

from __future__ import annotations

import io

import inputs
import numpy as np
from PIL import Image

WANTED = 5 * 1024
WIDTH, HEIGHT = 480, 360


def photo():
    """A JPEG out of the corpus; without a corpus, noise of many sizes as in a landscape."""
    try:
        pictures = [inputs.covering(path, WIDTH, HEIGHT) for path in inputs.photos()[:12]]
    except SystemExit:
        pictures = [_scene(seed) for seed in range(12)]
    out = io.BytesIO()
    min(pictures, key=lambda picture: abs(_thumbnail_size(picture) - WANTED)).save(out, "JPEG", quality=85)
    return out.getvalue()


def _thumbnail_size(picture):
    small, out = picture.copy(), io.BytesIO()
    small.thumbnail((200, 200))
    small.save(out, "WEBP", quality=80)
    return out.tell()


def _scene(seed):
    random = np.random.default_rng(seed)
    total = np.zeros((HEIGHT, WIDTH, 3))
    for side in (3, 6, 12, 24, 48, 96, 192):
        small = Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8))
        total += np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), dtype=float) / side ** (
            0.5 + seed / 10
        )
    total -= total.min()
    return Image.fromarray((total * 255 / total.max()).astype(np.uint8))


def distinct(jpeg, mark):
    """The same picture with a comment (a COM segment behind the first marker): another file."""
    comment = str(mark).encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
