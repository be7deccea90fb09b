"""Originals are read here, and nowhere else in an export: opened for reading, copied, hashed on the way.

Not even the time of the last access is changed, where the system allows that (O_NOATIME of open(2), for the owner).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator

from mediabridge.sidecar.faults import Conflict, ContentDamaged, ContentUnknown, Fault, UnreadableFile
from mediabridge.sidecar.storage.store import ContentStore

from .item import Item, Xmp

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY  # a pipe must not hold us up
_NOATIME = getattr(os, "O_NOATIME", 0)
_BLOCK = 1024 * 1024
_AGAIN = "Import its folder again."


def copy(item: Item, store: ContentStore, into: int, check: Callable[[], None]) -> int:
    """Copy the original into an open file, and read the copy back: both must have the hash that was imported.

    Gives the time of the original's last change, in ns. `check` is called between blocks, and may raise. Raises a
    `Fault` of this file alone, and `OSError` where the copy cannot be written.
    """
    with _opened(item, store) as fd:
        found = _copied(fd, item.size, into, check)
        mtime_ns = os.fstat(fd).st_mtime_ns
    if found != item.sha256:
        msg = "The original has changed since it was imported."
        raise Conflict(msg, _AGAIN)
    _prove(into, found, check)
    return mtime_ns


def copy_xmp(xmp: Xmp, into: int, check: Callable[[], None]) -> str:
    """The same of an XMP file beside an original; gives its hash, which the library does not know."""
    fd = _open(xmp.path, "The XMP file beside the original")
    try:
        found = _copied(fd, xmp.size, into, check)
        told = os.fstat(fd)
    finally:
        os.close(fd)
    if (told.st_size, told.st_mtime_ns) != (xmp.size, xmp.mtime_ns):
        msg = "The XMP file beside the original was changed while it was copied."
        raise Conflict(msg, "Start the export again.")
    _prove(into, found, check)
    return found


def _copied(fd: int, size: int, into: int, check: Callable[[], None]) -> str:
    found = hashlib.sha256()
    for block in _blocks(fd, size):
        check()
        found.update(block)
        _write(into, block)
    return found.hexdigest()


def _prove(copy: int, sha256: str, check: Callable[[], None]) -> None:
    if digest(copy, check) != sha256:
        msg = "The copy does not have the bytes of the original."
        raise ContentDamaged(msg, "Check the disk that is exported to, and start the export again.")


def digest(fd: int, check: Callable[[], None]) -> str:
    """SHA-256 of an open file of ours, from its beginning."""
    found, place = hashlib.sha256(), 0
    while block := os.pread(fd, _BLOCK, place):
        check()
        found.update(block)
        place += len(block)
    return found.hexdigest()


@contextlib.contextmanager
def _opened(item: Item, store: ContentStore) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        path = item.path if item.path is not None else os.fsencode(stack.enter_context(store.local(item.sha256)))
        fd = _open(path)
        stack.callback(os.close, fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            msg = "The original is no file any more."
            raise Conflict(msg, _AGAIN)
        yield fd


def _open(path: bytes, what: str = "The original") -> int:
    try:
        try:
            return os.open(path, _READ | _NOATIME)
        except PermissionError:  # somebody else's file: its time of access is not ours to keep
            return os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError) as problem:
        msg = f"{what} is not there any more where it was imported from."
        raise ContentUnknown(msg, _AGAIN) from problem
    except OSError as problem:
        raise _unreadable(problem) from problem


def _blocks(fd: int, size: int) -> Iterator[bytes]:
    left = size + 1  # one byte more tells that it has grown
    while left > 0:
        try:
            block = os.read(fd, min(_BLOCK, left))
        except OSError as problem:
            raise _unreadable(problem) from problem
        if not block:
            return
        left -= len(block)
        yield block


def _unreadable(problem: OSError) -> Fault:
    msg = f"The original cannot be read ({problem.strerror or problem})."
    return UnreadableFile(msg, "Check that its disk is there, and that the server may read the file.")


def _write(fd: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(fd, view) :]
