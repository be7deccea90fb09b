"""What lies in a folder: listings of it and of all folders below, without following links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

_JUNK = frozenset({"thumbs.db", "desktop.ini", "@eadir"})  # what systems and NAS boxes leave
_SIDECARS = (".xmp", ".json")  # read with the picture that they belong to


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, by its absolute path."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One folder: its files without sidecars, sorted by name. `problem`: it could not be listed."""

    folder: str
    files: tuple[Entry, ...] = ()
    problem: OSError | None = None


def walk(root: str) -> Iterator[Listing]:
    """Every folder from `root` downwards; hidden ones and junk are passed over, links are not followed."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as problem:
            yield Listing(folder, problem=problem)
            continue
        kept = [entry for entry in found if not entry.name.startswith(".") and entry.name.lower() not in _JUNK]
        waiting += reversed([entry.path for entry in kept if entry.is_dir(follow_symlinks=False)])
        yield Listing(folder, tuple(_files(kept)))


def _files(entries: list[os.DirEntry[str]]) -> Iterator[Entry]:
    for entry in entries:
        if not entry.is_file(follow_symlinks=False) or entry.name.lower().endswith(_SIDECARS):
            continue
        try:
            told = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # it went meanwhile
            continue
        yield Entry(entry.path, told.st_size, told.st_mtime_ns)
