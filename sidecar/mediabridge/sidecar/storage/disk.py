"""Local disk as a place for contents: `ROOT/{sha256}/{name}`.

A file is complete and on the disk (fsync) before it gets its name, and the name is on the disk before `put` returns.
`link` gives the name: unlike `rename` it never replaces, so that of two processes one wins (POSIX link(2), EEXIST).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from .backend import NotStoredError, Space, Stat, check_key, is_hash
from .own import OwnFolder

INCOMING = ".incoming"  # folders of the processes that write, each with its unfinished files
_PREFIX = "writer-"
_MENDING, _LOCK = ".mending", ".lock"
_REMEMBERED = 20_000  # names
_TRIES = 30  # somebody may delete a content's folder between two steps
_PAUSE_S = 0.002  # so that two who undo each other's steps do not meet again
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_READ_ONLY = 0o444


class LocalDisk:
    """`root` is made when something is first written; what dead processes left unfinished is removed with it.

    `sweep` does that at once, where there is a root already.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._own: OwnFolder | None = None
        self._lock = threading.Lock()
        # Names that are on the disk for sure: a repeated upload need not wait for it again.
        self._settled: set[Path] = set()

    def sweep(self) -> int:
        """Remove unfinished files of dead processes, and say of how many processes. Raises `OSError`."""
        return self._folder().swept if (self.root / INCOMING).is_dir() else 0

    def new_path(self) -> Path:
        """A path in this process's folder, below the root. Raises `OSError`."""
        return self._folder().path / secrets.token_hex(12)

    def put(self, key: str, source: Path | bytes) -> bool:
        """Put if absent, durably. A path must be one of `new_path`; it stays. Raises `OSError`."""
        target = self._path(key)
        if target.exists():
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                self._settle(target)
                return False
        with self._complete(source) as file:
            return self._place(target, lambda path: _link(file, path))

    def replace(self, key: str, source: Path | bytes) -> None:
        """Put, whatever is there: readers see the old file or the new one. Raises `OSError`."""
        with self._complete(source) as file:
            self._place(self._path(key), lambda target: _put_over(file, self.new_path(), target))

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:  # noqa: ARG002
        """The file, at `start`. Raises `NotStoredError`, `OSError`."""
        try:
            file = self._path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError) as problem:
            raise NotStoredError(key) from problem
        file.seek(start)
        return file

    @contextlib.contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """Its own path. Raises `NotStoredError`."""
        self.stat(key)
        yield self._path(key)

    def stat(self, key: str) -> Stat:
        """Raises `NotStoredError`, `OSError`."""
        try:
            found = self._path(key).stat()
        except (FileNotFoundError, NotADirectoryError) as problem:
            raise NotStoredError(key) from problem
        return Stat(found.st_size, found.st_mtime_ns)

    def delete(self, key: str) -> bool:
        """Durably; an empty folder goes, whether the file was there or not. Raises `OSError`."""
        path = self._path(key)
        self._settled -= {path, path.parent}
        deleted = False
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            sync(path.parent)
            deleted = True
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        return deleted

    def hashes(self) -> Iterator[str]:
        """In the order of the disk. Raises `OSError`."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root) as entries:
            yield from (entry.name for entry in entries if is_hash(entry.name))

    def names(self, content_hash: str) -> list[str]:
        """Sorted. Raises `OSError`."""
        if not is_hash(content_hash):
            return []
        try:
            return sorted(os.listdir(self.root / content_hash))  # noqa: PTH208  many folders, and names alone are asked
        except (FileNotFoundError, NotADirectoryError):
            return []

    def space(self) -> Space:
        """Of the file system that has the root, or will have it. Raises `OSError`."""
        usage = shutil.disk_usage(next(folder for folder in (self.root, *self.root.parents) if folder.exists()))
        return Space(usage.total, usage.free)

    def changed_ns(self) -> int:
        """When a folder last came or went; 0 without a root."""
        try:
            return self.root.stat().st_mtime_ns
        except OSError:
            return 0

    @contextlib.contextmanager
    def mending(self) -> Iterator[None]:
        """The kernel lets go of the lock however the process ends. Raises `OSError`."""
        _make_folder(self.root / INCOMING / _MENDING)
        handle = os.open(self.root / INCOMING / _MENDING / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def close(self) -> None:
        """Remove this process's unfinished files."""
        with self._lock:
            if self._own is not None:
                self._own.close()
                self._own = None

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _folder(self) -> OwnFolder:
        with self._lock:
            if self._own is not None and not self._own.path.is_dir():  # somebody has cleaned up
                self._own.close()
                self._own = None
            if self._own is None:
                _make_folder(self.root / INCOMING)
                self._own = OwnFolder(self.root / INCOMING, _PREFIX)
            return self._own

    @contextlib.contextmanager
    def _complete(self, source: Path | bytes) -> Iterator[Path]:
        """A file of ours with all its bytes on the disk."""
        path = source if isinstance(source, Path) else self.new_path()
        try:
            if isinstance(source, bytes):
                path.write_bytes(source)
            path.chmod(_READ_ONLY)
            sync(path)
            yield path
        finally:
            if isinstance(source, bytes):
                path.unlink(missing_ok=True)

    def _place(self, target: Path, give_name: Callable[[Path], bool]) -> bool:
        for left in reversed(range(_TRIES)):
            with contextlib.suppress(FileExistsError):
                target.parent.mkdir(mode=0o700)
                self._settled.discard(target.parent)
            try:
                placed = give_name(target)
                if placed:
                    self._settled.discard(target)
                self._settle(target)
            except FileNotFoundError:
                if not left:
                    raise
                time.sleep(random.uniform(0, _PAUSE_S))  # noqa: S311
            else:
                return placed
        raise AssertionError  # the last turn has returned or raised

    def _settle(self, target: Path) -> None:
        """Have the disk keep its name and its folder's, also where it was there already: whoever put it may not have
        come to this line.
        """
        for path in (target, target.parent):
            if path not in self._settled:
                sync(path.parent)
                if len(self._settled) >= _REMEMBERED:
                    self._settled.clear()
                self._settled.add(path)


def _make_folder(folder: Path) -> None:
    """With all above it, and durably."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in missing:
        with contextlib.suppress(PermissionError):  # a folder that we may pass through, but not read
            sync(one.parent)


def _link(file: Path, target: Path) -> bool:
    try:
        os.link(file, target)
    except FileExistsError:
        return False
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        return _copy(file, target)
    return True


def _copy(file: Path, target: Path) -> bool:
    """For file systems without links: under the same hash lies the same content, so that replacing it is harmless."""
    if target.exists():
        return False
    twin = file.with_name(secrets.token_hex(12))
    shutil.copyfile(file, twin)
    sync(twin)
    twin.rename(target)
    return True


def _put_over(file: Path, twin: Path, target: Path) -> bool:
    """By way of a second name, since the file keeps its own."""
    _link(file, twin)
    try:
        twin.replace(target)
    finally:
        twin.unlink(missing_ok=True)
    return True


def sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder (fsync(2))."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
