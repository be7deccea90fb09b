"""Which files an import takes: by their content, as the content store judges it. Nothing is decoded."""

from __future__ import annotations

import mimetypes
import os
from typing import TYPE_CHECKING

from mediabridge.sidecar.storage.names import extension_of
from mediabridge.sidecar.storage.types import HEAD, type_of

if TYPE_CHECKING:
    from mediabridge.sidecar.library.intake import Kind

TAKEN: frozenset[Kind] = frozenset({"photo", "video"})
_KINDS: dict[str, Kind] = {"image": "photo", "video": "video", "audio": "audio"}
_NO_PHOTOS = frozenset({"image/svg+xml", "image/x-icon", "image/vnd.adobe.photoshop"})


def kind_of(mime_type: str) -> Kind:
    """What a type is to people."""
    if mime_type in _NO_PHOTOS:
        return "other"
    return _KINDS.get(mime_type.partition("/")[0], "document" if mime_type.startswith(("text/", "appl")) else "other")


def judge(path: str, size: int, name: str = "") -> str | None:
    """The type of a file that is to be imported, None for one that is passed over. Raises `OSError`.

    `name` is its owner's, where it lies under another. An empty file is judged by its name: that a picture has become
    empty is to be told, not passed over.
    """
    name = name or os.path.basename(path)  # noqa: PTH119
    if size == 0:
        guess = mimetypes.guess_type(f"/{name}")[0]
        return guess if guess and kind_of(guess) in TAKEN else None
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  a Path for each file costs more than the reading
        head = file.read(HEAD)
    # The end of a file tells archives apart, and no picture or film is one.
    found = type_of(head, b"", extension_of(name))
    return found if found and kind_of(found) in TAKEN else None
