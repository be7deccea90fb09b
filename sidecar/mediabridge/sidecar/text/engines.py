"""What reads which type, for the answer's `engine`."""

from __future__ import annotations

from functools import cache
from importlib import metadata

_LIBRARIES = {
    "application/pdf": "pypdfium2",
    "text/html": "selectolax",
    "image/svg+xml": "selectolax",
    "application/epub+zip": "selectolax",
    "application/rtf": "striprtf",
}


def engine_of(mime_type: str) -> dict[str, str]:
    """`{"name", "version"}`; what we read ourselves has our own version."""
    name = _LIBRARIES.get(mime_type, "mediabridge")
    return {"name": name, "version": _version(name)}


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
