"""The request id: the client's when it is sane, else a new ULID; known to every log line of the request."""

from __future__ import annotations

import re
import secrets
import time
from contextvars import ContextVar

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, as the ULID specification asks for

current: ContextVar[str] = ContextVar("request_id", default="-")


def choose(offered: str | None) -> str:
    """The offered id when it is 1 to 128 characters of `[A-Za-z0-9._:-]`, else a new one."""
    return offered if offered and _SANE.fullmatch(offered) else make()


def make() -> str:
    """A ULID: 48 bits of milliseconds since 1970, 80 random bits, 26 characters that sort by time."""
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
