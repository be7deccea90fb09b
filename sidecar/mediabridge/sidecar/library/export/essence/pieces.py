"""What is hashed: bytes, or a stretch of the file, each under a name that keeps its place."""

from __future__ import annotations

Stretch = tuple[int, int]  # offset, size in bytes
Piece = tuple[str, bytes | Stretch]


class UnclearError(Exception):
    """The file is not as its format asks: nobody can say that its pictures are the same."""
