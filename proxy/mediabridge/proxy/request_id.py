"""Ids for requests that bring none: ULIDs, which sort by time (https://github.com/ulid/spec)."""

import random
import time

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]


def new_request_id() -> str:
    """A fresh ULID: 48 bits of milliseconds, 80 random bits, in 26 letters. Not a secret."""
    number = (time.time_ns() // 1_000_000) << 80 | random.getrandbits(80)
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
