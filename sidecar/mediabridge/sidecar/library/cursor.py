"""Where a page ends, as a word that the client gives back. Pure.

It holds the last row's place in the order, so that the next page begins right behind it, whatever came in or went
meanwhile; and a digest of what was asked, so that it is not taken for another list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

_FORM = 1
_LONGEST = 4096  # characters: names have 255 bytes at most, as JSON and base64 they grow
_MOST = 2**63

Value = int | str


@dataclass(frozen=True, slots=True)
class Place:
    """The last row of a page: the value that it is sorted by, and its number."""

    value: Value
    id: int


def digest(asked: object) -> str:
    """Of what was asked for: anything that JSON can hold."""
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def write(place: Place, asked: str) -> str:
    """The word; `asked` is a `digest`."""
    text = json.dumps([_FORM, asked, place.value, place.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read(word: str, asked: str, kind: type[Value]) -> Place:
    """What `write` was given, for the same list. Raises `ValueError` in a person's words."""
    try:
        if len(word) > _LONGEST:
            raise ValueError
        raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        form, found, value, number = json.loads(raw)
    except (ValueError, TypeError, binascii.Error, RecursionError) as problem:
        msg = "it is none that this list has given"
        raise ValueError(msg) from problem
    if form != _FORM or found != asked:
        msg = "it is of another list: filters and order must be those that it was given for"
        raise ValueError(msg)
    fits = type(value) is kind and type(number) is int and abs(number) < _MOST
    if not fits or (isinstance(value, int) and abs(value) >= _MOST) or (isinstance(value, str) and "\0" in value):
        msg = "it is none that this list has given"
        raise ValueError(msg)
    return Place(value, number)
