"""What copies are called: `2024/20240131_120000.jpg`, `unknown/` without a date, `_001` where that is taken. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mediabridge.sidecar.library.moments import clock_of

UNKNOWN = "unknown"
SIDECAR = ".xmp"
_EXTENSION = re.compile(r"[a-z0-9]{1,10}", re.ASCII)
# Not allowed by Windows or FAT, or read by shells and ExifTool as more than a name.
_ODD = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]|[\udc80-\udfff]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.ASCII | re.IGNORECASE)
_LONGEST = 200  # bytes of a name: `_001`, `.xmp` and a temporary ending fit behind it (NAME_MAX is 255)
# Where a name's extension says something else than the content, ours says the truth: programs go by it.
_TRUE: dict[str, tuple[str, ...]] = {
    "image/jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "image/png": ("png", "apng"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/heic": ("heic", "heif", "hif"),
    "image/heif": ("heif", "heic", "hif"),
    "image/avif": ("avif", "avifs"),
    "image/tiff": ("tif", "tiff"),
    "video/mp4": ("mp4", "m4v", "mov", "lrv", "insv", "360"),
    "video/quicktime": ("mov", "qt", "mp4", "m4v"),
    "video/3gpp": ("3gp", "3g2", "mp4"),
}


def extension_of(name: str, mime_type: str) -> str:
    """In lower case, without a dot; the content's own where the name's is of another format; empty without one."""
    own = PurePosixPath(name).suffix[1:].lower()
    fitting = _TRUE.get(mime_type)
    if fitting is not None and own not in fitting:
        return fitting[0]
    return own if _EXTENSION.fullmatch(own) else ""


def folder_and_name(taken_us: int | None, name: str, mime_type: str) -> tuple[str, str]:
    """Where the copy goes while nothing else is there."""
    if taken_us is not None:
        clock = clock_of(taken_us)
        extension = extension_of(name, mime_type)
        stem = f"{clock.year:04}{clock:%m%d_%H%M%S}"
        return f"{clock.year:04}", f"{stem}.{extension}" if extension else stem
    return UNKNOWN, plain(name)


def plain(name: str) -> str:
    """A file's own name, as every system takes it."""
    clean = _ODD.sub("_", unicodedata.normalize("NFC", name)).rstrip(" .").lstrip()
    if _RESERVED.match(clean) or clean.startswith((".", "-")) or not clean:
        clean = f"_{clean}"
    stem, suffix = _split(clean)
    while len(f"{stem}{suffix}".encode()) > _LONGEST:
        stem = stem[:-1] if stem else stem
        suffix = suffix if stem else suffix[:-1]
    return f"{stem}{suffix}"


@dataclass(slots=True)
class Names:
    """Which names are taken, folder by folder. `list_folder` gives those that are there already."""

    list_folder: Callable[[str], Iterable[str]]
    _taken: dict[str, set[str]] = field(default_factory=dict)
    _next: dict[tuple[str, str], int] = field(default_factory=dict)

    def choose(self, folder: str, name: str) -> tuple[str, bool]:
        """The name or, where that is taken, the first free one behind it (then true); it is taken from now on.

        Names that differ in case alone are the same on many disks. One whose sidecar's name is taken is not free.
        """
        taken = self._in(folder)
        stem, suffix = _split(name)
        number = self._next.get((folder, name.casefold()), 0)
        while True:
            chosen = f"{stem}_{number:03}{suffix}" if number else name
            number += 1
            if not {chosen.casefold(), f"{chosen}{SIDECAR}".casefold()} & taken:
                break
        self._next[folder, name.casefold()] = number
        self.take(folder, chosen)
        return chosen, chosen != name

    def take(self, folder: str, name: str) -> None:
        """Note a name that is there."""
        self._in(folder).add(name.casefold())

    def _in(self, folder: str) -> set[str]:
        if folder not in self._taken:
            self._taken[folder] = {name.casefold() for name in self.list_folder(folder)}
        return self._taken[folder]


def _split(name: str) -> tuple[str, str]:
    suffix = PurePosixPath(name).suffix
    return name[: len(name) - len(suffix)], suffix
