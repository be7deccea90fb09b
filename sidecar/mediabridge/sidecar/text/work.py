"""The child's part: a file in, its text out, piece by piece; or one page of it as a picture."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .notes import MOST_CHARACTERS, Broken, Encrypted, Notes, clean
from .readers import reader_of

# What readers and the libraries under them raise over a damaged file. Memory that runs out is told apart.
_DAMAGE = (
    Broken, LookupError, ValueError, TypeError, AttributeError, EOFError, ArithmeticError, RecursionError,
    NotImplementedError, AssertionError, struct.error, zlib.error,
)  # fmt: skip


def work(request: Any) -> Iterator[tuple[Any, bytes]]:
    """What is to be done is `do`, with a file at `path`.

    `text`, by `mimeType` → pieces, then `{"end"}`; `page`, by `number` → a PNG of a PDF's page; `frames` → those of a
    TIFF that are pages; `frame`, by `number` → a PNG. The last three, if they fail: `{"problem"}`.
    """
    path = Path(request["path"])
    if request["do"] == "text":
        yield from _text(path, request["mimeType"])
        return
    try:
        yield _drawn(path, request)
    except (Broken, Encrypted) as problem:
        yield {"problem": str(problem) or "it needs a password"}, b""


def _text(path: Path, mime_type: str) -> Iterator[tuple[Any, bytes]]:
    notes, left, status = Notes(), MOST_CHARACTERS, None
    try:
        for piece in reader_of(mime_type)(path, notes):
            text = clean(piece.text)
            if len(text) > left:
                notes.truncate(f"only the first {MOST_CHARACTERS} characters are given")
            yield {"page": piece.page, "bare": piece.bare}, text[:left].encode("utf-8", "replace")
            left -= len(text)
            if left < 0:
                break
    except Encrypted:
        status = "encrypted"
    except _DAMAGE as problem:
        status = "broken"
        notes.warn(str(problem) if isinstance(problem, Broken) else f"{type(problem).__name__}: {str(problem)[:200]}")
    yield (
        {
            "end": status,
            "encoding": notes.encoding,
            "pageCount": notes.page_count,
            "truncated": notes.truncated,
            "warnings": notes.warnings,
        },
        b"",
    )


def _drawn(path: Path, request: Any) -> tuple[Any, bytes]:
    # Children that only read text do without PDFium, and without Pillow.
    if request["do"] == "page":
        from . import pdf  # noqa: PLC0415

        data, dpi = pdf.picture(path, request["number"])
        return {"dpi": dpi}, data
    from . import scans  # noqa: PLC0415

    if request["do"] == "frames":
        return {"frames": scans.pages(path)}, b""
    return {"dpi": None}, scans.picture(path, request["number"])
