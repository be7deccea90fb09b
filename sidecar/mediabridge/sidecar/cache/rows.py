"""The statements of the disk tier: find, keep, remove, make room. All but `select` run inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from .codec import Key
from .database import PAGE, Budget, one

_SPARE = 16  # pages: what tables and indexes may need beside an entry's own
_BATCH = 100  # one hundredth of the file is made free at once, so that not every entry has to
_STEP = 8  # entries that are removed before the free pages are counted again


class NoRoomError(Exception):
    """There is no room for this entry now."""


def select(connection: sqlite3.Connection, key: Key) -> tuple[bytes, float] | None:
    """Blob and cost."""
    rows = connection.execute(
        "SELECT blob, cost_ms FROM entries JOIN bodies USING (id) WHERE key = ?", (key,)
    ).fetchall()  # to the end, so that no read transaction stays open
    return rows[0] if rows else None


def count(connection: sqlite3.Connection) -> int:
    """How many entries there are."""
    return one(connection, "SELECT count(*) FROM entries")


def insert(connection: sqlite3.Connection, key: Key, used: int, cost_ms: float, blob: bytes) -> None:
    """Keep an entry; the key must be free, and there must be room."""
    made = connection.execute(
        "INSERT INTO entries (key, used, size, cost_ms) VALUES (?, ?, ?, ?)", (key, used, len(blob), cost_ms)
    )
    connection.execute("INSERT INTO bodies VALUES (?, ?)", (made.lastrowid, blob))


def remove(connection: sqlite3.Connection, key: Key) -> None:
    """Remove an entry, if there is one."""
    _remove_all(connection, connection.execute("SELECT id FROM entries WHERE key = ?", (key,)).fetchall())


def touch(connection: sqlite3.Connection, touched: Iterable[tuple[Key, int]]) -> None:
    """Write down when entries were used last; an earlier time than the one that is known changes nothing."""
    rows = [(used, key, used) for key, used in touched]
    connection.executemany("UPDATE entries SET used = ? WHERE key = ? AND used < ?", rows)


def make_room(connection: sqlite3.Connection, budget: Budget, size: int) -> int:
    """Remove the least recently used entries until `size` bytes fit. Returns how many. Raises `NoRoomError`."""
    need = size // (PAGE - 4) + _SPARE  # an overflow page begins with four bytes that lead to the next
    if _free_pages(connection, budget) >= need:
        return 0
    goal = need + budget.most_pages // _BATCH
    gone = 0
    while _free_pages(connection, budget) < goal:
        oldest = connection.execute("SELECT id FROM entries ORDER BY used LIMIT ?", (_STEP,)).fetchall()
        if not oldest:
            break
        _remove_all(connection, oldest)
        gone += len(oldest)
    if _free_pages(connection, budget) < need:
        raise NoRoomError
    return gone


def _remove_all(connection: sqlite3.Connection, ids: list[tuple[int]]) -> None:
    connection.executemany("DELETE FROM bodies WHERE id = ?", ids)
    connection.executemany("DELETE FROM entries WHERE id = ?", ids)


def _free_pages(connection: sqlite3.Connection, budget: Budget) -> int:
    """Pages that may still be filled; below zero when the file was made under a larger limit."""
    used = one(connection, "PRAGMA page_count") - one(connection, "PRAGMA freelist_count")
    return budget.most_pages - used
