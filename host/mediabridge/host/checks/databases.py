"""The list of jobs and the library's database: can they be opened, are they whole. Looks on, and locks nobody out."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

from mediabridge.config import Settings

from .check import Check
from .folders import instance, why_not

_JOBS, _LIBRARY = "jobs.db", "library.db"
_BUSY_S = 2.0
_LONGEST_S = 10.0  # of the look at all pages
_STEPS = 10_000  # of SQLite's machine, between two looks at the clock
_PORT = 5432
_SQLITE = "sqlite"


def queue(settings: Settings) -> Check:
    """The list of jobs."""
    return _sqlite("queue", instance(settings) / _JOBS)


def database(settings: Settings) -> Check:
    """The library's: a file, or a server that is called and asked nothing."""
    url = urlsplit(settings.database_url or "")
    if url.scheme and not url.scheme.startswith(_SQLITE):
        return _server(url.hostname, url.port)
    path = Path(url.path.removeprefix("/")) if url.scheme else instance(settings) / _LIBRARY
    return _sqlite("database", path)


def _sqlite(name: str, path: Path) -> Check:
    if not path.exists():
        if why := why_not(path.parent):
            mend = "Make it writable for this user, or set INSTANCE_PATH or DATABASE_URL to another place."
            return Check(name, ok=False, found=f"{path} cannot be made: its folder {why}", mend=mend, needed=False)
        return Check(name, ok=True, found=f"{path} (it will be made)", needed=False)
    try:
        problem = _damage(path)
    except sqlite3.Error as error:
        mend = "Check that the file is SQLite's and readable for this user."
        return Check(name, ok=False, found=f"{path} cannot be opened ({error})", mend=mend, needed=False)
    if problem:
        mend = "Stop mediabridge, move the file and its '-wal' and '-shm' away together, and restore a copy of it."
        return Check(name, ok=False, found=f"{path} is damaged: {problem}", mend=mend, needed=False)
    return Check(name, ok=True, found=f"{path} ({path.stat().st_size // 1024} KB)", needed=False)


def _damage(path: Path) -> str | None:
    """What PRAGMA quick_check finds; a large file is looked at for some seconds only. Raises `sqlite3.Error`.

    Readers of a write-ahead log keep nobody from writing (sqlite.org/wal.html).
    """
    until = time.monotonic() + _LONGEST_S
    url = f"file:{quote(str(path.absolute()))}?mode=ro"
    with contextlib.closing(sqlite3.connect(url, uri=True, timeout=_BUSY_S)) as base:
        base.execute("PRAGMA schema_version").fetchone()
        base.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        try:
            (found,) = base.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                return None
            raise
        except sqlite3.DatabaseError as error:
            return str(error)
    return None if found == "ok" else str(found).splitlines()[-1]


def _server(host: str | None, port: int | None) -> Check:
    """Whether somebody listens; neither name nor password are said, here or to it."""
    if not host:
        return Check("database", ok=True, found="PostgreSQL through a socket of this machine", needed=False)
    where = f"{host}:{port or _PORT}"
    try:
        with socket.create_connection((host, port or _PORT), _BUSY_S):
            return Check("database", ok=True, found=f"PostgreSQL at {where} answers", needed=False)
    except OSError as problem:
        found = f"PostgreSQL at {where} does not answer ({problem.strerror or problem})"
        return Check("database", ok=False, found=found, mend="Start it, or correct DATABASE_URL.", needed=False)
