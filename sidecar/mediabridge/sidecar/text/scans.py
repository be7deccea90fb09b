"""TIFF files of several pages, as fax machines and scanners write them. For the child process."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from mediabridge.sidecar.images.decode import Decoded
from mediabridge.sidecar.images.formats import MOST_PIXELS_ELSE, REFUSALS, is_raw_tiff
from mediabridge.sidecar.images.presets import Preset
from mediabridge.sidecar.images.render import upright_srgb

from .notes import Broken
from .readers import PAGE_SIZE

_PAGE = Preset("page", *PAGE_SIZE, "png")
_MOST_FRAMES = 5000
_NEW_SUBFILE_TYPE, _REDUCED = 254, 1  # TIFF 6.0, section 8: a small copy of another picture of the file


def pages(path: Path) -> list[int]:
    """The frames that are pages, by number from 0; only the first one where the file is a camera's."""
    with _opened(path) as picture:
        if is_raw_tiff(picture):
            return [0]
        found = []
        for frame in range(_MOST_FRAMES):
            try:
                picture.seek(frame)
            except EOFError:
                break
            if not _subfile_type(picture) & _REDUCED:
                found.append(frame)
        return found


def picture(path: Path, frame: int) -> bytes:
    """One frame, upright, as a PNG. Raises `Broken`."""
    with _opened(path) as image:
        image.seek(frame)
        if image.width * image.height > MOST_PIXELS_ELSE:
            msg = f"it claims {image.width}x{image.height} pixels; at most {MOST_PIXELS_ELSE} are decoded"
            raise Broken(msg)
        image.load()  # Pillow turns a TIFF upright by itself
        out = io.BytesIO()
        upright_srgb(Decoded(image, image.size, 1), _PAGE.size_for(image.size)).save(out, "PNG", compress_level=1)
        return out.getvalue()


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS_ELSE // 2  # Pillow's own limit refuses at twice what it is set to
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=["TIFF"]) as image:
            yield image
    except REFUSALS as problem:
        msg = f"its picture data is damaged ({type(problem).__name__}: {problem})"
        raise Broken(msg) from problem


def _subfile_type(image: Image.Image) -> int:
    value = getattr(image, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0)
    return value if isinstance(value, int) else 0
