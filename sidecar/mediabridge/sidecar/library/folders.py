"""Which folder names are words for what is in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from .origin import fold, harmful

# Cameras' and phones' own folders say nothing: DCF (JEITA CP-3461) names them `100CANON`, phones `Camera`.
IGNORED = ("dcim", "camera", "camera roll", "pictures", "photos", "images", "videos", "screenshots", "100apple", "misc")
_DCF = re.compile(r"[1-9]\d\d[A-Za-z0-9_]{5}")
_DATE = re.compile(r"[\d\s._-]+")  # a year, a month, a day: dates are told by the timeline
_LONGEST = 100


def words(path: bytes, root: bytes, ignored: Collection[str] = IGNORED) -> list[str]:
    """The names of the folders between `root` and the file, the outermost first; none for a file that is not below it.

    Without those that say nothing, and without a date at the start of a name: `2024-05 Rome` is `Rome`.
    """
    below = root.rstrip(b"/") + b"/"
    if not path.startswith(below):
        return []
    names = path[len(below) :].split(b"/")[:-1]
    found = (_word(name.decode("utf-8", "replace")) for name in names)
    without = {fold(word) for word in ignored}
    kept = (word for word in found if word and fold(word) not in without)
    return list(dict.fromkeys(kept))


def _word(name: str) -> str:
    plain = "".join(" " if harmful(character) else character for character in name)
    after = _DATE.match(plain)
    rest = plain[after.end() :] if after and len(after[0].strip(" ._-")) >= len("2024") else plain
    if _DATE.fullmatch(plain) or _DCF.fullmatch(plain):
        return ""
    return " ".join(rest.replace("_", " ").split())[:_LONGEST].strip()
