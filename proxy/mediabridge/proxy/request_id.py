"""Ids for requests that bring none: ULIDs, which sort by time (https://github.com/ulid/spec)."""

import random
import threading
import time
from collections.abc import Iterable

from .headers import REQUEST_ID, sane_request_id

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]


class RequestIds(threading.local):
    """Makes ULIDs: 48 bits of milliseconds and 80 random ones, in 26 letters. Unique, but no secret.

    Each thread counts by itself, from a random start of its own.

    Within one millisecond the last 20 bits count up from a random start, as the specification allows: most ids then
    cost two look-ups.
    """

    def __init__(self) -> None:
        self._millisecond = -1
        self._start = ""
        self._count = 0

    def next(self) -> str:
        """A fresh id."""
        millisecond = time.time_ns() // 1_000_000
        if millisecond != self._millisecond or self._count == 1 << 20:
            self._begin(millisecond)
        count = self._count
        self._count = count + 1
        return self._start + _PAIRS[count >> 10] + _PAIRS[count & 1023]

    def _begin(self, millisecond: int) -> None:
        self._millisecond = millisecond
        number = millisecond << 60 | random.getrandbits(60)
        self._start = "".join([_PAIRS[number >> shift & 1023] for shift in range(100, -1, -10)])
        self._count = random.getrandbits(19)


new_request_id = RequestIds().next


def request_id_of(fields: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's ``X-Request-ID`` when it is sane, else a fresh one; for what a host answers itself."""
    sane = sane_request_id([value for name, value in fields if name.lower() == REQUEST_ID])
    return sane or new_request_id()
