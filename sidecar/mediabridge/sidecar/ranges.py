"""Which part of a content a request asks for: RFC 9110, section 14, for single ranges of bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)", re.ASCII)
_DIGITS = 18  # more stand for a number behind the end of everything, and int() of endless digits is slow


class UnsatisfiableError(Exception):
    """The range is proper, but nothing of the content lies in it (416)."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def parse(header: str, size: int) -> Range | None:
    """The one range of a `Range` header, within a content of `size` bytes.

    None when the header is to be ignored and all is to be sent: another unit, no proper range, more than one (14.2
    allows for that). Raises `UnsatisfiableError`.
    """
    unit, equals, wanted = header.strip().partition("=")
    specs = [spec for part in wanted.split(",", 3) if (spec := part.strip(" \t"))]
    found = _RANGE.fullmatch(specs[0]) if len(specs) == 1 else None
    if not equals or unit.strip().lower() != "bytes" or found is None:
        return None
    first, last = found.groups()
    if not first:
        return _suffix(last, size)
    start, end = _number(first), _number(last) if last else None
    if end is not None and end < start:
        return None
    if start >= size:
        raise UnsatisfiableError
    return Range(start, size - 1 if end is None else min(end, size - 1))


def _suffix(length: str, size: int) -> Range | None:
    """`-500`: the last 500 bytes."""
    if not length:
        return None
    wanted = min(_number(length), size)
    if not wanted:
        raise UnsatisfiableError
    return Range(size - wanted, size - 1)


def _number(digits: str) -> int:
    """The number; a very large one is cut to one that is still larger than any size."""
    proper = digits.lstrip("0")
    return int(proper or "0") if len(proper) <= _DIGITS else 10**_DIGITS
