"""Ids for requests that bring none: ULIDs, which sort by time (https://github.com/ulid/spec)."""

import os
import random
import time
from collections.abc import Iterable
from itertools import count

from .headers import REQUEST_ID, sane_request_id

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_LOW_BITS = (1 << 20) - 1


class RequestIds:
    """Makes ULIDs: 48 bits of milliseconds and 80 random ones, in 26 letters. Unique, but no secret. Thread-safe.

    The last 20 bits count up, as the specification allows within one millisecond: most ids then cost two look-ups. The
    count is one for all threads, so that they may share a start.
    """

    def __init__(self) -> None:
        self.begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.begin)

    def begin(self) -> None:
        """Start anew: a forked process must not go on with its parent's."""
        self._count = count(random.getrandbits(20))
        self._now = (-1, "")

    def next(self) -> str:
        """A fresh id."""
        millisecond = time.time_ns() // 1_000_000
        begun, start = self._now
        if millisecond != begun:
            start = _start(millisecond)
            self._now = (millisecond, start)
        number = next(self._count) & _LOW_BITS
        return start + _PAIRS[number >> 10] + _PAIRS[number & 1023]


def _start(millisecond: int) -> str:
    number = millisecond << 60 | random.getrandbits(60)
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(100, -1, -10)])


new_request_id = RequestIds().next


def request_id_of(fields: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's ``X-Request-ID`` when it is sane, else a fresh one; for what a host answers itself."""
    sane = sane_request_id([value for name, value in fields if name.lower() == REQUEST_ID])
    return sane or new_request_id()
