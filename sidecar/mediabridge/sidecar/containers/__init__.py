"""Walks through the parts of a file without decoding them: where each lies, where the picture ends, what is odd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import bmff, bmp, gif, jpeg, png, riff
from .layout import Layout, Part, Problem, Window

__all__ = ["Layout", "Part", "Problem", "Window", "walk"]

_HEAD = 16
_WALKERS: tuple[tuple[int, tuple[bytes, ...], Callable[[Window], Layout]], ...] = (
    (0, (jpeg.START,), jpeg.walk),
    (0, (png.SIGNATURE,), png.walk),
    (0, (b"GIF87a", b"GIF89a"), gif.walk),
    (0, (b"RIFF",), riff.walk),
    (4, (b"ftyp",), bmff.walk),  # behind the length of the first box
    (0, (b"BM",), bmp.walk),
)


def walk(path: Path) -> Layout | None:
    """The layout of a file of a known container (JPEG, PNG, GIF, WebP/RIFF, HEIF/MP4, BMP), else None.

    Raises `OSError`. Broken files give a layout with problems.
    """
    with path.open("rb") as file:
        window = Window(file)
        head = window.at(0, _HEAD)
        for offset, signatures, walker in _WALKERS:
            if head[offset:].startswith(signatures):
                return walker(window)
    return None
