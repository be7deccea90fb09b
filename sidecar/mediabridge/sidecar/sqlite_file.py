"""A SQLite file of ours: opened, marked, asked. With a write-ahead log: many read while one writes."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .faults import Fault, StorageFull, StorageUnavailable

BUSY_S = 5.0
_PAUSE_S = 0.02
_CHECK = "Check INSTANCE_PATH: the folder must be there, or be makeable, and be writable for the server."
_FREE = "Free disk space where INSTANCE_PATH lies."
Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Shape:
    """What is in a file. `application` and `version` mark it in its header (PRAGMA application_id, user_version).

    `what` names it in sentences; with `erased`, what is deleted does not stay in free pages. `upgrades`: by an older
    version, the statements that lead to this one; two processes may run them one after the other.
    """

    name: str
    application: int
    version: int
    tables: str
    what: str
    erased: bool = False
    upgrades: Mapping[int, str] = field(default_factory=dict)


class SqliteFile:
    """One connection behind a lock; threads and processes may share the file. Raises a `Fault` where it cannot."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        self.path = folder / shape.name
        self._shape = shape
        self._lock = threading.RLock()
        with self._translated():
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
        run, shape = self._connection.execute, self._shape
        # One statement, hence one state of the file: another process may be making the tables right now.
        marks = run("SELECT * FROM pragma_application_id, pragma_user_version").fetchone()
        application, version = marks
        fits = application == shape.application and version in (shape.version, *shape.upgrades)
        if not fits and (application, version) != (0, 0):
            msg = f"{self.path} is of another program, or of another version of this one."
            raise StorageUnavailable(msg, "Move the file away, or start the version that made it.")
        run("PRAGMA synchronous=NORMAL")
        run(f"PRAGMA secure_delete={'ON' if shape.erased else 'OFF'}")
        self._use_log()
        if not fits or version != shape.version:
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {shape.upgrades[version] if fits else shape.tables}"
                f"PRAGMA application_id={shape.application}; PRAGMA user_version={shape.version}; COMMIT;"
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
        with self._lock, self._translated():
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
    def _translated(self) -> Iterator[None]:
        what = self._shape.what
        try:
            yield
        except sqlite3.Error as problem:
            if getattr(problem, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
                msg = f"No room is left for {what}."
                raise StorageFull(msg, _FREE) from problem
            msg = f"{what[0].upper()}{what[1:]} cannot be used: {problem}"
            raise StorageUnavailable(msg, _CHECK) from problem
        except OSError as problem:
            msg = f"{what[0].upper()}{what[1:]} cannot be used: {problem.strerror}"
            raise StorageUnavailable(msg, _CHECK) from problem
