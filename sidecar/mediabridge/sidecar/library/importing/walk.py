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
class Problem:
    """A folder that could not be listed, or a file in it that tells nothing of itself."""

    path: str
    error: OSError


@dataclass(frozen=True, slots=True)
class Listing:
    """One folder: its files without sidecars, sorted by name."""

    files: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()


def walk(root: str) -> Iterator[Listing]:
    """Every folder from `root` downwards; hidden ones and junk are passed over, links are not followed.

    A `root` that is a file is all there is.
    """
    if os.path.isfile(root):  # noqa: PTH113  names that are no text stay as they are
        told = os.stat(root)  # noqa: PTH116
        yield Listing((Entry(root, told.st_size, told.st_mtime_ns),))
        return
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as problem:
            yield Listing(problems=(Problem(folder, problem),))
            continue
        kept = [entry for entry in found if not entry.name.startswith(".") and entry.name.lower() not in _JUNK]
        waiting += reversed([entry.path for entry in kept if entry.is_dir(follow_symlinks=False)])
        yield _listing(kept)


def _listing(entries: list[os.DirEntry[str]]) -> Listing:
    files, problems = [], []
    for entry in entries:
        if not entry.is_file(follow_symlinks=False) or entry.name.lower().endswith(_SIDECARS):
            continue
        try:
            told = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # it went meanwhile
            continue
        except OSError as problem:  # of a folder whose names may be read, and no more
            problems.append(Problem(entry.path, problem))
        else:
            files.append(Entry(entry.path, told.st_size, told.st_mtime_ns))
    return Listing(tuple(files), tuple(problems))
