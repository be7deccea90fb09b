"""Which reader reads which type. For the child process; `TYPES` is for everybody."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

from .notes import Notes, Piece

PDF = "application/pdf"
# Phone cameras have 4000 x 3000; a till receipt may be much higher than wide.
PAGE_SIZE = 4000, 8000
_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"
# A module is loaded when a file of its type comes: PDFium alone costs 60 ms.
_READERS: Mapping[str, str] = MappingProxyType({
    "text/plain": "plain:read",
    "text/markdown": "plain:read",  # its marks are part of what the author wrote
    "text/csv": "plain:read",
    "text/tab-separated-values": "plain:read",
    "application/json": "plain:read",
    "application/xml": "plain:read",
    "image/svg+xml": "markup:read",
    "text/html": "markup:read",
    "application/rtf": "rich:read",
    PDF: "pdf:read",
    f"{_OOXML}.wordprocessingml.document": "office:read_word",
    f"{_OOXML}.presentationml.presentation": "office:read_slides",
    f"{_OOXML}.spreadsheetml.sheet": "office:read_sheets",
    f"{_ODF}.text": "opendocument:read",
    f"{_ODF}.spreadsheet": "opendocument:read",
    f"{_ODF}.presentation": "opendocument:read",
    "application/epub+zip": "epub:read",
})  # fmt: skip
TYPES = frozenset(_READERS)
Reader = Callable[[Path, Notes], Iterator[Piece]]


def reader_of(mime_type: str) -> Reader:
    """Raises `KeyError` for a type that is not read."""
    module, _, name = _READERS[mime_type].partition(":")
    return cast("Reader", getattr(importlib.import_module(f"{__package__}.{module}"), name))
