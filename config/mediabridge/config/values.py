"""Parsers of single settings. Each takes the text that a person wrote and raises `ValueError` in a person's words."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

Parse = Callable[[str], object]

_DIGITS = 19  # int() of endless digits is slow
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


def text(raw: str) -> str:
    """Any text without control characters."""
    if not raw.isprintable():
        msg = "it holds control characters"
        raise ValueError(msg)
    return raw


def flag(raw: str) -> bool:
    """`1 true yes on` or `0 false no off`, in any case."""
    word = raw.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    msg = "it is neither true nor false"
    raise ValueError(msg)


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number in decimal digits, from `low` to `high` inclusive."""

    def parse(raw: str) -> int:
        if not (raw.isascii() and raw.removeprefix("-").isdigit()):
            msg = "it is not a whole number"
            raise ValueError(msg)
        number = int(raw) if len(raw) <= _DIGITS else high + 1
        if not low <= number <= high:
            msg = f"it is not between {low} and {high}"
            raise ValueError(msg)
        return number

    return parse


def choice(*words: str) -> Callable[[str], str]:
    """One of `words`, in any case."""

    def parse(raw: str) -> str:
        word = raw.lower()
        if word not in words:
            msg = f"it is none of {', '.join(words)}"
            raise ValueError(msg)
        return word

    return parse


def database(raw: str) -> str:
    """The address of a database: `sqlite:////folder/library.db` or `postgresql://user@host/name`."""
    scheme, _, rest = text(raw).partition("://")
    if scheme not in {"sqlite", "postgresql", "postgresql+psycopg", "postgres"}:
        msg = "it does not begin with sqlite:/// or postgresql://"
        raise ValueError(msg)
    if scheme == "sqlite" and (not rest.startswith("/") or rest == "/" or ":memory:" in rest or "?" in rest):
        msg = "it names no file (as sqlite:////folder/library.db)"
        raise ValueError(msg)
    return raw


def zone(raw: str) -> str:
    """A name of the time zone database, as `Europe/Berlin` or `UTC`."""
    try:
        return zoneinfo.ZoneInfo(raw).key
    except (ValueError, OSError, KeyError) as problem:  # odd names, folders, unknown ones
        msg = "it is no time zone's name (as Europe/Berlin)"
        raise ValueError(msg) from problem


port = whole(0, 65535)
