"""What a failure of the database means, and how it is told: no driver's own words reach a client."""

from __future__ import annotations

import sqlite3
from typing import Literal

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from mediabridge.sidecar.faults import Fault, StorageFull, StorageUnavailable

Trouble = Literal["busy", "full", "damaged", "unusable"]

# Primary result codes (sqlite.org/rescode.html): the low byte of the extended ones.
_SQLITE: dict[int, Trouble] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_PROTOCOL: "busy",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}
# PostgreSQL, appendix A: 40001 serialization_failure, 40P01 deadlock_detected, 55P03 lock_not_available,
# 53100 disk_full, 53300 too_many_connections, 57P03 cannot_connect_now.
_POSTGRES: dict[str, Trouble] = {
    "40001": "busy",
    "40P01": "busy",
    "55P03": "busy",
    "53300": "busy",
    "57P03": "busy",
    "53100": "full",
}
_DENIED = "42501"  # insufficient_privilege
_CHECK = "Check DATABASE_URL and INSTANCE_PATH: mediabridge doctor tells whether the database answers."
_WORDS: dict[Trouble, tuple[type[Fault], str, str]] = {
    "busy": (StorageUnavailable, "The library's database is busy", "Send the request again in a moment."),
    "full": (StorageFull, "No room is left for the library's database", "Free disk space where it lies."),
    "damaged": (
        StorageUnavailable,
        "The library's database is damaged",
        "Restore library.db from a backup, or move it away and import again; originals are not touched by this.",
    ),
    "unusable": (StorageUnavailable, "The library's database cannot be used", _CHECK),
}


def trouble(problem: DBAPIError) -> Trouble:
    """The kind of a driver's error."""
    original = problem.orig
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF, "unusable")
    return _POSTGRES.get(getattr(original, "sqlstate", None) or "", "unusable")


def is_bug(problem: DBAPIError) -> bool:
    """Whether it is us who asked for what cannot be. Where a row may be there already, its writer says what then."""
    if getattr(problem.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return True
    denied = getattr(problem.orig, "sqlstate", None) == _DENIED
    return isinstance(problem, IntegrityError | DataError | ProgrammingError | NotSupportedError) and not denied


def fault_of(problem: DBAPIError) -> Fault:
    """The same as a client is told. The first line of the driver's words holds no values and no password."""
    kind, words, suggestion = _WORDS[trouble(problem)]
    said = str(problem.orig).strip().partition("\n")[0][:200]
    return kind(f"{words} ({said}).", suggestion)
