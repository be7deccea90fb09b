"""ISO base media files: boxes within a stretch of the file (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mediabridge.sidecar.containers import Window

from .pieces import UnclearError

_MOST = 10_000
_HEADER, _LARGE = 8, 16


@dataclass(frozen=True, slots=True)
class Box:
    """`offset` and `size` of its content; `kind` has four bytes."""

    kind: bytes
    offset: int
    size: int

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.offset + self.size


def boxes(window: Window, start: int, end: int) -> Iterator[Box]:
    """Those that fill the stretch. Raises `UnclearError` where they do not."""
    place = start
    for _ in range(_MOST):
        if end - place < _HEADER:
            if any(window.at(place, end - place)):  # QuickTime ends some lists with zeros
                raise UnclearError
            return
        size, kind, header = number(window, place, 4), window.at(place + 4, 4), _HEADER
        if size == 1:
            size, header = number(window, place + _HEADER, 8), _LARGE
        elif size == 0:
            size = end - place
        if size < header or place + size > end:
            raise UnclearError
        yield Box(kind, place + header, size - header)
        place += size
        if place == end:
            return
    raise UnclearError


def within(window: Window, box: Box, skip: int = 0) -> list[Box]:
    """The boxes in a box, behind `skip` bytes of its own."""
    return list(boxes(window, box.offset + skip, box.end))


def only(found: list[Box], kind: bytes) -> Box | None:
    """The box of this kind. Raises `UnclearError` when there are several."""
    fitting = [box for box in found if box.kind == kind]
    if len(fitting) > 1:
        raise UnclearError
    return fitting[0] if fitting else None


def number(window: Window, at: int, count: int) -> int:
    """A big-endian number; 0 of no bytes."""
    if count == 0:
        return 0
    found = window.number(at, count)
    if found is None:
        raise UnclearError
    return found
