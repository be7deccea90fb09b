"""The file `deepfake.db`: opened, and asked. SQLite with a write-ahead log: many read while one writes.

Samples are features, never pictures. A file is known by its SHA-256 and its domain (pictures, frames of clips).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from mediabridge.sidecar.faults import Fault, StorageFull, StorageUnavailable

NAME = "deepfake.db"
BUSY_S = 5.0
_PAUSE_S = 0.02
_SCHEMA = 1
_APPLICATION = 0x6D656466  # "medf", in the header of our files (PRAGMA application_id)
_TABLES = """
CREATE TABLE IF NOT EXISTS analyses (  -- one each time that a file was analysed
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    domain TEXT NOT NULL,
    verdict TEXT NOT NULL,
    in_domain INTEGER,  -- NULL: no model was asked
    created TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS analyses_of ON analyses (sha256, domain);
CREATE TABLE IF NOT EXISTS samples (
    sha256 TEXT NOT NULL,
    domain TEXT NOT NULL,
    feature_version INTEGER NOT NULL,
    vector BLOB NOT NULL,  -- little-endian doubles
    facts TEXT NOT NULL,
    declared_ai INTEGER NOT NULL,
    PRIMARY KEY (sha256, domain)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT NOT NULL,
    domain TEXT NOT NULL,
    label TEXT NOT NULL CHECK (label IN ('real', 'fake')),
    labeler TEXT NOT NULL,
    operator INTEGER NOT NULL,
    source TEXT,
    status TEXT NOT NULL CHECK (status IN ('accepted', 'quarantined', 'conflict', 'check')),
    reason TEXT,
    used_by INTEGER,  -- the model that was first trained with it
    created TEXT NOT NULL,
    UNIQUE (sha256, domain, labeler)
);
CREATE INDEX IF NOT EXISTS labels_by_status ON labels (domain, status, label, sha256);
CREATE INDEX IF NOT EXISTS labels_by_labeler ON labels (labeler, operator, created);
CREATE TABLE IF NOT EXISTS golden (
    sha256 TEXT NOT NULL,
    domain TEXT NOT NULL,
    label TEXT NOT NULL CHECK (label IN ('real', 'fake')),
    labeler TEXT NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY (sha256, domain)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS models (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    domain TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('champion', 'archived')),
    parent INTEGER,
    document TEXT NOT NULL,  -- JSON, see document.py
    measured TEXT NOT NULL,  -- JSON: golden-set metrics and what may be served
    created TEXT NOT NULL,
    since TEXT NOT NULL  -- when it last became the champion
);
CREATE UNIQUE INDEX IF NOT EXISTS one_champion ON models (domain) WHERE state = 'champion';
CREATE TABLE IF NOT EXISTS rounds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    domain TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'promoted', 'rejected', 'refused', 'failed')),
    begun REAL NOT NULL,  -- Unix seconds
    pid INTEGER NOT NULL,  -- of who runs it
    result TEXT,
    started TEXT NOT NULL,
    ended TEXT
);
"""
_CHECK = "Check INSTANCE_PATH: the folder must be there, or be makeable, and be writable for the server."
_FREE = "Free disk space where INSTANCE_PATH lies."
Parameters = Mapping[str, object]


class Database:
    """One connection behind a lock; threads and processes may share the file. Raises a `Fault` where it cannot."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._lock = threading.RLock()
        with _translated():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            self._connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        run = self._connection.execute
        marks = (run("PRAGMA application_id").fetchone()[0], run("PRAGMA user_version").fetchone()[0])
        if marks not in ((0, 0), (_APPLICATION, _SCHEMA)):
            msg = f"{self.path} is of another program, or of another version of this one."
            raise StorageUnavailable(msg, "Move the file away, or start the version that made it.")
        run("PRAGMA synchronous=NORMAL")
        run("PRAGMA secure_delete=ON")  # what was deleted on request must not stay in free pages
        self._use_log()
        if marks == (0, 0):
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {_TABLES}"
                f"PRAGMA application_id={_APPLICATION}; PRAGMA user_version={_SCHEMA}; COMMIT;"
            )

    def _use_log(self) -> None:
        """Here SQLite does not wait for another process by itself (sqlite.org/wal.html#activating)."""
        until = time.monotonic() + BUSY_S
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
            msg = "No room is left for labels and models."
            raise StorageFull(msg, _FREE) from problem
        msg = f"The labels and models cannot be used: {problem}"
        raise StorageUnavailable(msg, _CHECK) from problem
    except OSError as problem:
        msg = f"The labels and models cannot be used: {problem.strerror}"
        raise StorageUnavailable(msg, _CHECK) from problem
