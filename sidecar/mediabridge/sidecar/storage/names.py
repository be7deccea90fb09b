"""Names that clients give their files: kept for people to read, made harmless for every file system and terminal."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote_to_bytes

NAME_BYTES = 255  # of a name in UTF-8, as most file systems have it
UNNAMED = "unnamed"
_LOOKED_AT = 4096  # characters, from the end
_EXTENSION = 20  # bytes of an extension that is kept when a name is cut
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_RESERVED = re.compile(r'[<>:"|?*]')  # Windows: "Naming Files, Paths, and Namespaces"
_END = "." + "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
# Control, format (bidirectional overrides too), surrogates, private, unassigned; separators of lines and paragraphs.
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def from_header(value: str) -> str:
    """A name in a header, as WSGI gives it: percent-encoded UTF-8 (RFC 3986), else raw UTF-8, else Latin-1."""
    raw = value.encode("latin-1", "replace")
    if _ESCAPED.search(value):
        raw = unquote_to_bytes(raw)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def sanitise(name: str) -> str:
    """The name without folders and without anything harmful, at most 255 bytes of UTF-8, its extension kept.

    It never is `.`, `..` or empty, and a name that was made harmless stays as it is.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name[-_LOOKED_AT:]))[-1]
    harmless = "".join(character for character in last if unicodedata.category(character) not in _HARMFUL)
    proper = _trim(_RESERVED.sub("_", unicodedata.normalize("NFC", harmless)))
    if _DEVICE.match(proper):
        proper = f"_{proper}"
    return _cut(proper) or UNNAMED


def extension_of(name: str) -> str:
    """What follows the last dot, in lower case; empty without a dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def _trim(name: str) -> str:
    """Without spaces around it and dots at its end, which Windows drops; nothing of a name of dots alone."""
    return name.lstrip().rstrip(_END)


def _cut(name: str) -> str:
    if len(name.encode()) <= NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension.encode()) > _EXTENSION:
        return _trim(_first_bytes(name, NAME_BYTES))
    kept = _first_bytes(stem, NAME_BYTES - len(f".{extension}".encode()))
    return f"{kept}.{extension}"


def _first_bytes(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")
