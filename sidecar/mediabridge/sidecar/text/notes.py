"""What readers hand over: pieces of text, and notes on the document they come from. For the child process."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MOST_CHARACTERS = 4 * 1024**2  # of text that is given; the Bible has about as many
MOST_BYTES = 4 * MOST_CHARACTERS  # read of a file that is text itself
MOST_UNPACKED = 128 * 1024**2  # bytes out of one archive
MOST_PAGES = 5000
_MOST_WARNINGS = 20
# All control characters but tab and line feed, U+FFFE (PDFium's hyphen at a line's end) and other non-characters.
_NO_TEXT = re.compile("[\0-\x08\x0b-\x1f\x7f\x80-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


class Encrypted(Exception):  # noqa: N818
    """It needs a password, or a licence."""


class Broken(Exception):  # noqa: N818
    """It is not what it says it is, or damaged; `str()` is a clause about the file."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the text, in reading order. `page`: its number, from 1; `bare`: a page that shows more than it says."""

    text: str
    page: int | None = None
    bare: bool = False


@dataclass(slots=True)
class Notes:
    """What a reader finds out beside the text. `page_count` of the document, whatever was read of it."""

    encoding: str | None = None
    page_count: int | None = None
    truncated: bool = False
    warnings: list[str] = field(default_factory=list)

    def warn(self, words: str) -> None:
        """Once, and not without end."""
        if words not in self.warnings and len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(words)

    def truncate(self, words: str) -> None:
        """There is more than is given."""
        self.truncated = True
        self.warn(words)


def clean(text: str) -> str:
    """Lines that end in a line feed, without what is no character of a text."""
    return _NO_TEXT.sub("", _ENDS.sub("\n", text))


def tidy(text: str) -> str:
    """A document's text, where white space means little: no blanks at the ends of lines, one empty line at most."""
    lines = (line.rstrip(" \u00a0\t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
