"""Which files are meant, and what must be known of each before it is read."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from mediabridge.sidecar.faults import Fault, UnreadableFile
from mediabridge.sidecar.storage.scratch import safe_extension

_JUNK = frozenset({"thumbs.db", "desktop.ini"})  # what systems leave in folders of pictures
# ExifTool takes a line break for the end of an argument, and some versions a "|" for a command (CVE-2022-23935).
_UNSAFE = re.compile(r"[\x00-\x1f\x7f|]|\s$|[\udc80-\udcff]")


@dataclass(slots=True)
class LocalFile:
    """One file. `shown` is its path as the caller gave it, `path` the one that ExifTool gets."""

    shown: str
    path: Path
    size: int = 0
    sha256: str = ""
    name: str = field(init=False)
    extension: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = os.path.basename(self.shown)  # noqa: PTH119  a Path costs ten times as much
        self.extension = safe_extension(self.name)

    def measure(self) -> None:
        """Find size and SHA-256. Raises `UnreadableFile`."""
        try:
            with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123
                self.size = os.fstat(file.fileno()).st_size
                self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as problem:
            raise unreadable(self.shown, problem) from problem


def is_safe(path: str) -> bool:
    """Whether ExifTool may see this path: it holds nothing that could be taken for more than a name."""
    return _UNSAFE.search(path) is None


def unreadable(shown: str, problem: OSError) -> Fault:
    """The fault for a file that the system does not give out."""
    msg = f"{shown} cannot be read: {problem.strerror or problem}."
    return UnreadableFile(msg, "Check the path, and that you may read the file.")


def walk(paths: Iterable[str]) -> Iterator[str]:
    """Files below the paths, sorted within each folder. Hidden ones and junk are passed over in folders, not by name.

    Links to folders are not followed. A path that is not there is given back as it is: reading it says so.
    """
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112
            yield from _below(path)
        else:
            yield path


def _below(folder: str) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder  # to be told of, as a file that cannot be read
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in _JUNK:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
        elif entry.is_file():
            yield entry.path


class Aliases:
    """Links of safe names for files whose own names ExifTool must not see. A context manager: they go at its end."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._count = 0

    def local(self, shown: str) -> LocalFile:
        """A file by the path that the caller gave."""
        absolute = os.path.abspath(shown)  # noqa: PTH100
        file = LocalFile(shown, Path(absolute))
        if not is_safe(absolute):
            file.path = self._link(absolute, file.extension)
        return file

    def _link(self, target: str, extension: str) -> Path:
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="mediabridge-extract-")
        self._count += 1
        link = Path(self._folder.name) / f"{self._count}{'.' if extension else ''}{extension}"
        link.symlink_to(target)
        return link

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()
