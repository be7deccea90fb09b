"""The hash of what a file shows, without what it says of itself: equal before and after tags are written.

ExifTool's own `ImageDataHash` came with 12.58, later than what Debian 12 has, and it is the writer who would vouch for
its writing. So the containers are walked here: all that is no metadata is hashed, byte by byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from mediabridge.sidecar.containers import Window

from . import flat, heif, movie, tiff
from .pieces import Piece, UnclearError

Finder = Callable[[Window], Iterator[Piece]]
_BLOCK = 1024 * 1024
_FINDERS: dict[str, Finder] = {
    "image/jpeg": flat.of_jpeg,
    "image/png": flat.of_png,
    "image/gif": flat.of_gif,
    "image/webp": flat.of_webp,
    "image/tiff": tiff.pieces,
    "image/heic": heif.pieces,
    "image/heif": heif.pieces,
    "image/avif": heif.pieces,
    "video/mp4": movie.pieces,
    "video/quicktime": movie.pieces,
    "video/3gpp": movie.pieces,
}


def essence(file: BinaryIO, mime_type: str, look: Callable[[], object] = lambda: None) -> str | None:
    """SHA-256 of pictures and sound; None where the format is not known here, or the file is not as its format asks.

    `look` is called between blocks, and may raise. Raises `OSError`.
    """
    finder = _FINDERS.get(mime_type)
    if finder is None:
        return None
    window, digest, count = Window(file), hashlib.sha256(), 0
    try:
        for name, content in finder(window):
            count += 1
            digest.update(f"{len(name)}:{name}:".encode())
            _add(digest.update, window, content, look)
    except UnclearError:
        return None
    return digest.hexdigest() if count else None


def _add(
    update: Callable[[bytes], object], window: Window, content: bytes | tuple[int, int], look: Callable[[], object]
) -> None:
    if isinstance(content, bytes):
        update(len(content).to_bytes(8, "big") + content)
        return
    offset, size = content
    update(size.to_bytes(8, "big"))
    for start in range(offset, offset + size, _BLOCK):
        look()
        count = min(_BLOCK, offset + size - start)
        block = window.at(start, count)
        if len(block) != count:
            raise UnclearError
        update(block)
