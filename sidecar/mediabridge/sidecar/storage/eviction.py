"""Derived files above a limit go, those first that nobody has asked for longest. Originals are never looked at.

The time of a file's last use is its own `mtime`, set anew when it is served and the last time is ten minutes old: one
system call in ten minutes, nothing that a crash could lose, and all processes see it. (`atime` is off or a day late on
most systems: mount(8), relatime.)
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mediabridge.sidecar.events import emit

from .backend import is_hash
from .own import take_lock

METADATA = "metadata.json"  # tells of the other files of a content, and goes when it is the last one
_ORIGINAL = "original"  # of a content store: somebody has mixed folders, and there is no second copy
TOUCH_S = 600.0
FRESH_S = 2.0  # younger files stay: somebody waits for them
_LOCK = ".eviction.lock"
_LOW = 0.9  # of the limit: so much is left after an eviction
_SHARE, _LEAST_SHARE = 4, 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """One look: bytes that were there; files and bytes that had to go."""

    total: int
    files: int = 0
    size: int = 0


class Eviction:
    """Keeps the derived files below `root` under `limit` bytes, 0 = no limit. Any thread of any process may use it.

    Only a process that has added much looks, and only one looks at a time: between two looks the limit may be passed
    by a 64th for each process that adds. `evicted` is called after files had to go.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.limit = limit
        self.fresh_s = FRESH_S
        self.evicted: Callable[[], None] = lambda: None
        self._root = root
        self._added = 0
        self._patience = 0  # bytes that are added before the next look
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def used(self, path: Path, modified_ns: int) -> None:
        """A file is served whose `mtime` is that."""
        if self.limit and abs(time.time_ns() - modified_ns) > TOUCH_S * 1e9:
            with contextlib.suppress(OSError):
                os.utime(path)

    def added(self, size: int) -> None:
        """So many bytes were put; when that is enough, a thread looks whether some must go."""
        if not self.limit:
            return
        with self._lock:
            self._added += size
            if self._added < self._patience or self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="eviction", daemon=True)
                self._thread.start()
        self._due.set()

    def look(self) -> Swept | None:
        """Count, and remove what is too much. None when another process is doing so. Raises `OSError`."""
        with self._lock:
            seen = self._added
        with _alone(self._root / _LOCK) as alone:
            swept = sweep(self._root, self.limit, self.fresh_s) if alone else None
        left = self.limit - (swept.total - swept.size) if swept else 0
        with self._lock:
            self._added -= seen
            self._patience = max(left // _SHARE, self.limit // _LEAST_SHARE, 1)
        if swept and swept.files:
            _tell(swept, self.limit)
            self.evicted()
        return swept

    def close(self) -> None:
        """End the thread; a look that has begun is cut short with the process only."""
        with self._lock:
            self._closed = True
        self._due.set()

    def _watch(self) -> None:
        pause: float | None = None
        while True:
            self._due.wait(pause)
            self._due.clear()
            if self._closed:
                return
            pause = None
            try:
                swept = self.look()
                if swept and swept.total - swept.size > self.limit:  # too much of it is fresh
                    pause = self.fresh_s
            except Exception as problem:  # noqa: BLE001  the thread outlives whatever a disk or a listener does
                words = f"derived files cannot be counted or removed: {problem}"
                emit(_log, logging.ERROR, "storage.failed", words, error=type(problem).__name__)


def sweep(root: Path, limit: int, fresh_s: float = FRESH_S) -> Swept:
    """Remove files until 90 % of `limit` are left, if there are more bytes than `limit`. Raises `OSError`.

    Two walks, so that memory holds ages and no names but those of one second: there may be millions of files.
    """
    by_second: Counter[int] = Counter()
    total, fresh = 0, int(time.time() - fresh_s)
    for _, entries in _contents(root):
        for entry, stat in entries:
            total += stat.st_size
            if entry.name not in (METADATA, _ORIGINAL) and _second(stat) < fresh:
                by_second[_second(stat)] += stat.st_size
    excess = total - int(limit * _LOW) if total > limit else 0
    return Swept(total, *_remove(root, *cutoff(by_second, excess))) if excess and by_second else Swept(total)


def cutoff(by_second: Mapping[int, int], excess: int) -> tuple[int, int]:
    """The last second whose files have to go, and how many bytes of that very second."""
    second, left, newest = 0, excess, max(by_second)
    for second in sorted(by_second):
        if by_second[second] >= left or second == newest:
            break
        left -= by_second[second]
    return second, left


def _remove(root: Path, last: int, of_last: int) -> tuple[int, int]:
    """Of the last second only so many bytes, the oldest first. Gives files and bytes that went."""
    files = size = 0
    latest: list[tuple[int, int, str]] = []
    for folder, entries in _contents(root):
        for entry, stat in entries:
            if entry.name in (METADATA, _ORIGINAL) or _second(stat) > last:
                continue
            if _second(stat) == last:
                latest.append((stat.st_mtime_ns, stat.st_size, entry.path))
            elif _unlink(entry.path, stat.st_mtime_ns):
                files, size = files + 1, size + stat.st_size
        _clear(folder)
    for used_ns, bytes_, path in sorted(latest):
        if of_last <= 0:
            break
        if _unlink(path, used_ns):
            files, size, of_last = files + 1, size + bytes_, of_last - bytes_
            _clear(os.path.dirname(path))  # noqa: PTH120
    return files, size


def _unlink(path: str, seen_ns: int) -> bool:
    """Whether it went; somebody may have asked for it since it was seen."""
    with contextlib.suppress(FileNotFoundError):
        if os.stat(path).st_mtime_ns == seen_ns:  # noqa: PTH116  a string, as scandir gives it
            os.unlink(path)  # noqa: PTH108
            return True
    return False


def _clear(folder: str) -> None:
    """Remove a folder that is empty but for its metadata, which tell of nothing any more.

    Whoever puts a file there just now makes the folder again.
    """
    with contextlib.suppress(OSError):
        if set(os.listdir(folder)) <= {METADATA}:  # noqa: PTH208
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, METADATA))  # noqa: PTH108, PTH118
            os.rmdir(folder)  # noqa: PTH106


def _contents(root: Path) -> Iterator[tuple[str, list[tuple[os.DirEntry[str], os.stat_result]]]]:
    """Each content's folder with its files; what is deleted meanwhile is passed over."""
    try:
        folders = os.scandir(root)
    except FileNotFoundError:
        return
    with folders:
        for folder in folders:
            if is_hash(folder.name):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder.path) as entries:
                    yield folder.path, list(_files(entries))


def _files(entries: Iterator[os.DirEntry[str]]) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):
            if entry.is_file(follow_symlinks=False):
                yield entry, entry.stat(follow_symlinks=False)


def _second(stat: os.stat_result) -> int:
    return stat.st_mtime_ns // 1_000_000_000


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether no other process is at it; the kernel lets go of the lock however the process ends."""
    try:
        handle = take_lock(path)
    except (BlockingIOError, FileNotFoundError):  # no folder: there is nothing to evict
        yield False
        return
    try:
        yield True
    finally:
        os.close(handle)


def _tell(swept: Swept, limit: int) -> None:
    words = (
        f"derived files took {swept.total} bytes of {limit}: {swept.files} that were not asked for longest had to go"
    )
    emit(
        _log, logging.INFO, "storage.evicted", words,
        files=swept.files, bytes=swept.size, total=swept.total, limit=limit,
    )  # fmt: skip
