"""The parts of a file, and a window that reads it piece by piece."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import BinaryIO

MOST_PARTS = 20_000  # more is no picture, and a file of empty parts must not cost minutes
MOST_PROBLEMS = 50
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A segment, chunk or box: its name, and where its content lies (without marker and length)."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that the format's specification does not allow. `kind` is for programs, `what` a sentence."""

    kind: str
    what: str
    offset: int


@dataclass(slots=True)
class Layout:
    """What a walk through the container gave. `end`: the offset behind its last byte, None when no end was found."""

    container: str
    size: int
    parts: list[Part] = field(default_factory=list)
    end: int | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether there are too many parts to go on."""
        return len(self.parts) >= MOST_PARTS

    def add(self, name: str, offset: int, size: int) -> None:
        """Note a part; one that reaches past the end of the file is noted as a problem too."""
        self.parts.append(Part(name, offset, size))
        if offset + size > self.size:
            missing = offset + size - self.size
            self.odd("pastEnd", f"The part {name} claims {missing} bytes more than the file has.", offset)

    def odd(self, kind: str, what: str, offset: int) -> None:
        """Note a problem, up to a limit."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(kind, what, offset))

    def named(self, name: str) -> list[Part]:
        """All parts of a name."""
        return [part for part in self.parts if part.name == name]


class Window:
    """Reads a file at any place, a piece at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size

    def at(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from an offset; fewer at the end of the file."""
        if offset < 0 or count <= 0 or offset >= self.size:
            return b""
        self._file.seek(offset)
        return self._file.read(min(count, self.size - offset))

    def number(self, offset: int, count: int, order: str = "big") -> int | None:
        """An unsigned integer of `count` bytes; None where the file is over."""
        data = self.at(offset, count)
        return int.from_bytes(data, "little" if order == "little" else "big") if len(data) == count else None

    def find(self, pattern: re.Pattern[bytes], start: int, overlap: int) -> int | None:
        """Where a pattern of at most `overlap + 1` bytes first matches from `start` on."""
        while start < self.size:
            block = self.at(start, _BLOCK)
            if found := pattern.search(block):
                return start + found.start()
            start += max(len(block) - overlap, 1)
        return None

    def all_zero(self, start: int, end: int) -> bool:
        """Whether a stretch holds nothing but zero bytes."""
        while start < end:
            block = self.at(start, min(_BLOCK, end - start))
            if not block or block.count(0) != len(block):
                return False
            start += len(block)
        return True
