"""The file `jobs.db`: opened, and asked. SQLite with a write-ahead log: many read while one writes."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from mediabridge.sidecar.faults import Fault, StorageFull, StorageUnavailable

NAME = "jobs.db"
_BUSY_S = 5.0
_PAUSE_S = 0.02
_SCHEMA = 1
_APPLICATION = 0x6D65646A  # "medj", in the header of our files (PRAGMA application_id)
_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of coming, whatever the clock does
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    key TEXT,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'paused', 'completed', 'failed', 'cancelled')),
    attempts INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,  -- monotonic seconds, as lease_until
    lease_until REAL NOT NULL DEFAULT 0,
    owner TEXT,
    wish TEXT CHECK (wish IN ('cancel', 'pause')),
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    result TEXT,
    error TEXT,
    created_at TEXT NOT NULL,  -- for people; nothing is decided by it
    updated_at TEXT NOT NULL,
    CHECK ((status = 'running') = (owner IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS by_turn ON jobs (status, priority DESC, seq);
CREATE UNIQUE INDEX IF NOT EXISTS by_key ON jobs (key) WHERE status IN ('queued', 'running', 'paused');
"""
_CHECK = "Check INSTANCE_PATH: the folder must be there, or be makeable, and be writable for the server."
_FREE = "Free disk space where INSTANCE_PATH lies."
Parameters = Mapping[str, object]


class Asked(Protocol):
    """What those need who only ask: `Database`, or one that is opened later."""

    def run(self, statement: str, parameters: Parameters | None = None) -> list[sqlite3.Row]:
        """One statement; gives its rows."""

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """All or nothing, and nobody else writes meanwhile."""


class Database:
    """One connection behind a lock; threads and processes may share the file. Raises a `Fault` where it cannot."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._lock = threading.RLock()
        with _translated():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        run = self._connection.execute
        # One statement, hence one state of the file: another process may be making the tables right now.
        marks = run("SELECT * FROM pragma_application_id, pragma_user_version").fetchone()
        if tuple(marks) not in ((0, 0), (_APPLICATION, _SCHEMA)):
            msg = f"{self.path} is of another program, or of another version of this one."
            raise StorageUnavailable(msg, "Move the file away, or start the version that made it.")
        run("PRAGMA synchronous=NORMAL")
        self._use_log()
        if tuple(marks) == (0, 0):
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {_TABLES}"
                f"PRAGMA application_id={_APPLICATION}; PRAGMA user_version={_SCHEMA}; COMMIT;"
            )

    def _use_log(self) -> None:
        """Here SQLite does not wait for another process by itself (sqlite.org/wal.html#activating)."""
        until = time.monotonic() + _BUSY_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL").fetchall()
            except sqlite3.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(_PAUSE_S)
            else:
                return

    def run(self, statement: str, parameters: Parameters | None = None) -> list[sqlite3.Row]:
        """One statement, a transaction of its own unless within `transaction`; gives its rows."""
        with self._lock, _translated():
            return self._connection.execute(statement, parameters or {}).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else writes meanwhile."""
        with self._lock:
            self.run("BEGIN IMMEDIATE")
            try:
                yield
                self.run("COMMIT")
            except BaseException:
                with contextlib.suppress(Fault):
                    self.run("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as problem:
        if getattr(problem, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            msg = "No room is left for the list of jobs."
            raise StorageFull(msg, _FREE) from problem
        msg = f"The list of jobs cannot be used: {problem}"
        raise StorageUnavailable(msg, _CHECK) from problem
    except OSError as problem:
        msg = f"The list of jobs cannot be used: {problem.strerror}"
        raise StorageUnavailable(msg, _CHECK) from problem
