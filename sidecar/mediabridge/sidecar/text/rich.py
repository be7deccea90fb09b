"""RTF. For the child process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from striprtf.striprtf import rtf_to_text

from .notes import MOST_BYTES, Broken, Notes, Piece, tidy

_MAGIC = b"{\\rtf"


def read(path: Path, notes: Notes) -> Iterator[Piece]:
    """The text; pictures in it are skipped. Bytes that are not escaped are taken as Windows-1252."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if not data.startswith(_MAGIC):
        msg = "it does not begin as RTF"
        raise Broken(msg)
    if len(data) > MOST_BYTES:
        notes.truncate(f"only the first {MOST_BYTES} bytes were read")
    if data.count(b"{") - data.count(b"\\{") > data.count(b"}") - data.count(b"\\}"):
        notes.warn("it ends in the middle of a group; some of it may be missing")
    text: str = rtf_to_text(data[:MOST_BYTES].decode("cp1252", "replace"), errors="replace")  # type: ignore[no-untyped-call]
    yield Piece(tidy(text))
