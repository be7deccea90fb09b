"""The file `jobs.db`: opened, and asked. SQLite with a write-ahead log: many read while one writes."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Protocol

from mediabridge.sidecar.sqlite_file import Parameters, Shape, SqliteFile

__all__ = ["NAME", "Asked", "Database", "Parameters"]
NAME = "jobs.db"
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


class Asked(Protocol):
    """What those need who only ask: `Database`, or one that is opened later."""

    def run(self, statement: str, parameters: Parameters | None = None) -> list[sqlite3.Row]:
        """One statement; gives its rows."""

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """All or nothing, and nobody else writes meanwhile."""


_SHAPE = Shape(NAME, _APPLICATION, _SCHEMA, _TABLES, "the list of jobs")


class Database(SqliteFile):
    """The file in an instance's folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, _SHAPE)
