"""Where a file of the library is from: that makes it one file, whenever and however often it is met. Pure."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path

_HARMFUL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # Unicode, annex 9
_KEY_BYTES = 16  # a path can be longer than a database's index takes


@dataclass(frozen=True, slots=True)
class Origin:
    """`key` is the same for the same place; `path` are the bytes of the path on the server, None for an upload."""

    key: bytes
    path: bytes | None
    name: str


def of_path(path: Path) -> Origin:
    """A file on the server, by its absolute path. Its name may be no text: then U+FFFD stands for what is none."""
    raw = os.fsencode(path)
    return Origin(_key(b"path", raw), raw, os.fsencode(path.name).decode("utf-8", "replace"))


def of_upload(sha256: str, name: str) -> Origin:
    """A file in the content store; `name` as `storage.names.sanitise` gives it. Another name is another file."""
    return Origin(_key(b"upload", f"{sha256}/{name}".encode()), None, name)


def is_path(asked: str) -> bool:
    """Whether the system could have such a path; JSON can have null bytes, and code points that no bytes stand for."""
    try:
        return b"\0" not in os.fsencode(asked)
    except UnicodeEncodeError:
        return False


def fold(text: str) -> str:
    """As names and tags are compared: composed, without case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def harmful(character: str) -> bool:
    """Whether a character has no place in words for people: controls, lone surrogates, what turns the direction."""
    return unicodedata.category(character) in _HARMFUL or character in _TURNS


def _key(kind: bytes, raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=_KEY_BYTES, person=kind).digest()
