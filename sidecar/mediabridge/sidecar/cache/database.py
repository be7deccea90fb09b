"""One SQLite file of the disk tier: opened, bounded, judged by its errors. Knows nothing of values.

Files are named by generation, `results-1.db`, `results-2.db`, …: a broken one is replaced by the next number, never by
one of the same name, because a process that still has the old one open would mix its write-ahead log with the new.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

PAGE = 4096  # bytes
_SMALLEST = 1024 * 1024  # bytes; less than that holds no sensible cache
_LARGEST = 8 * 1024 * 1024  # bytes of an entry, whatever the limit; it is read into memory as a whole
_CHECKPOINT = 4 * 1024 * 1024  # bytes in the log after which they are moved to the file, so that no put moves many
_SCHEMA = 1
_APPLICATION = 0x6D656462  # "medb", in the header of our files (PRAGMA application_id)
_BUSY_MS = 500  # a request would rather go without the cache than wait longer
_NAME = re.compile(r"results-(\d{1,9})\.db")
_NEARLY = 32  # pages
_PARTS = ("", "-wal", "-shm")
_TABLES = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,
    used INTEGER NOT NULL, size INTEGER NOT NULL, cost_ms REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS by_use ON entries (used);
CREATE TABLE IF NOT EXISTS bodies (id INTEGER PRIMARY KEY, blob BLOB NOT NULL);
"""

# Besides its own: the module decodes SQLite's messages, which may repeat bytes of a damaged file.
ERRORS = (sqlite3.Error, UnicodeDecodeError)
Trouble = Literal["busy", "damaged", "full", "unusable"]
_CODES: dict[int, Trouble] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_INTERRUPT: "busy",
    sqlite3.SQLITE_PROTOCOL: "busy",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_ERROR: "damaged",  # our own statements are right, so that the tables must be wrong
    sqlite3.SQLITE_FORMAT: "damaged",
    sqlite3.SQLITE_FULL: "full",
}


class GoneError(Exception):
    """The file was replaced or closed by somebody else; open the current one."""


class ForeignError(Exception):
    """The file is of another program or of another version of ours."""


def trouble(problem: Exception) -> Trouble:
    """What one of `ERRORS` means for a cache (sqlite.org/rescode.html)."""
    if isinstance(problem, UnicodeDecodeError):
        return "damaged"
    return _CODES.get(getattr(problem, "sqlite_errorcode", 0) & 0xFF, "unusable")


@dataclass(frozen=True, slots=True)
class Budget:
    """How a limit of bytes on disk is shared out, so that all files together stay below it at every moment.

    Three quarters are for the database. The write-ahead log may have a sixteenth before a transaction, which adds two
    at most (the new entry, and the pages of those that go). The rest is for its index, 32 KiB per 16 MiB.
    """

    limit: int

    @property
    def most_pages(self) -> int:
        """Of the database file."""
        return max(self.limit, _SMALLEST) * 3 // 4 // PAGE

    @property
    def most_log(self) -> int:
        """Bytes of the write-ahead log at which a transaction may begin."""
        return max(self.limit, _SMALLEST) // 16

    @property
    def largest(self) -> int:
        """Bytes of one entry."""
        return min(max(self.limit, _SMALLEST) // 16, _LARGEST)


class Database:
    """An open file: one connection to read, one to write, each behind a lock of its own."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self.path = path
        self._budget = budget
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._closed = False
        self._writer = self._connect()
        try:
            self._create()
            self._reader = self._connect()
            self._reader.execute("SELECT 1 FROM entries LIMIT 1").fetchall()  # opens the log: now, not later
        except BaseException:
            self._writer.close()
            raise
        self._inode = path.stat().st_ino

    @classmethod
    def open(cls, folder: Path, budget: Budget, *, broken: Path | None = None) -> Self:
        """The current file of a folder, made if need be.

        `broken` is replaced, unless somebody else did so already; so is one that a larger limit has let grow too large.

        Raises `OSError` and `ERRORS`.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(folder):
            number, path = _current(folder)
            if path == broken or _size(path, "") > budget.most_pages * PAGE:
                path = _next(path, number)
            try:
                return cls(path, budget)
            except ForeignError:
                return cls(_next(path, number), budget)
            except ERRORS as problem:
                if trouble(problem) != "damaged":
                    raise
                return cls(_next(path, number), budget)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        connection.text_factory = bytes  # we keep no text; what looks like some is damage, not an error
        try:
            # Never wait for the disk: a killed process leaves a whole file all the same, only a machine that loses its
            # power may leave a damaged one, and damage is noticed.
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA secure_delete=OFF")
            connection.execute("PRAGMA cache_size=-1024")
            connection.execute("PRAGMA temp_store=MEMORY")
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        run = self._writer.execute
        marks = (one(self._writer, "PRAGMA application_id"), one(self._writer, "PRAGMA user_version"))
        if marks not in ((0, 0), (_APPLICATION, _SCHEMA)):
            raise ForeignError(str(self.path))
        if marks == (0, 0):
            run(f"PRAGMA page_size={PAGE}")
        run("PRAGMA journal_mode=WAL")
        step = min(self._budget.most_log // 2, _CHECKPOINT)
        run(f"PRAGMA journal_size_limit={step}")
        run(f"PRAGMA wal_autocheckpoint={step // PAGE}")
        self._writer.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        if marks == (0, 0):
            run(f"PRAGMA application_id={_APPLICATION}")
            run(f"PRAGMA user_version={_SCHEMA}")
        run(f"PRAGMA max_page_count={self._budget.most_pages}")

    @property
    def current(self) -> bool:
        """Whether the path still leads to the file that is open here."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for reading. Raises `GoneError`."""
        with self._reading:
            self._check()
            yield self._reader

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is committed, or rolled back after an exception. Raises `GoneError`."""
        with self._writing:
            self._check()
            self._shorten_log()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(*ERRORS):
                    self._writer.execute("ROLLBACK")
                raise

    @property
    def log_is_full(self) -> bool:
        """Whether the write-ahead log has no room: readers of other processes keep it from being emptied."""
        return _size(self.path, "-wal") > self._budget.most_log

    @property
    def at_its_limit(self) -> bool:
        """Whether the file has as many pages as it may, nearly: then it is full, and not the disk."""
        return _size(self.path, "") + _NEARLY * PAGE >= self._budget.most_pages * PAGE

    @property
    def bytes_on_disk(self) -> int:
        """Of the file, its log and its index."""
        return sum(_size(self.path, part) for part in _PARTS)

    def close(self) -> None:
        """Close both connections once those who use them are done."""
        with self._reading, self._writing:
            self._closed = True
            self._reader.close()
            self._writer.close()

    def _check(self) -> None:
        if self._closed or not self.current:
            raise GoneError(str(self.path))

    def _shorten_log(self) -> None:
        if self.log_is_full:
            self._writer.execute("PRAGMA busy_timeout=0")  # a long reader would cost every put the whole patience
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._writer.execute(f"PRAGMA busy_timeout={_BUSY_MS}")


def one(connection: sqlite3.Connection, statement: str) -> int:
    """The one number that a statement gives; 0 when it gives none."""
    rows = connection.execute(statement).fetchall()
    return int(rows[0][0] or 0) if rows else 0


def _current(folder: Path) -> tuple[int, Path]:
    """The newest generation; older ones, which a crash may have left, are removed."""
    found = {int(match[1]): path for path in folder.glob("results-*.db") if (match := _NAME.fullmatch(path.name))}
    number = max(found, default=1)
    for other in found.keys() - {number}:
        _remove(found[other])
    path = folder / f"results-{number}.db"
    path.touch(mode=0o600)
    return number, path


def _next(path: Path, number: int) -> Path:
    """Make room for the next generation."""
    fresh = path.with_name(f"results-{number + 1}.db")
    fresh.touch(mode=0o600)  # before the old one goes: its number must not be used again
    _remove(path)
    return fresh


def _remove(path: Path) -> None:
    for part in _PARTS:
        path.with_name(path.name + part).unlink(missing_ok=True)


def _size(path: Path, part: str) -> int:
    try:
        return path.with_name(path.name + part).stat().st_size
    except OSError:
        return 0


@contextlib.contextmanager
def _alone(folder: Path, patience_s: float = 2.0, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """One process at a time opens or replaces files. Raises `TimeoutError`, an `OSError`."""
    handle = os.open(folder / "results.lock", os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + patience_s
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    msg = f"{folder / 'results.lock'} is held by another process"
                    raise TimeoutError(msg) from None
                sleep(0.01)
        yield
    finally:
        os.close(handle)
