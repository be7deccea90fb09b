"""Which shape a database has, asked without SQLAlchemy: at the start, where every millisecond and megabyte counts."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote, unquote

HEAD = "0003"  # the newest revision in migrations/versions
TABLE = "alembic_version"
_SQLITE = "sqlite:///"


def is_behind(url: str) -> bool:
    """Whether the database should be opened at the start: a file of another shape, or any server, which may be away.

    A file that is not there is made when it is first asked for, and one that is damaged is told of then.
    """
    if not url.startswith(_SQLITE):
        return True
    path = Path(unquote(url.removeprefix(_SQLITE)))
    with contextlib.suppress(sqlite3.Error, OSError):
        if path.stat().st_size:
            return _revision(path) != HEAD
    return False


def _revision(path: Path) -> str | None:
    """Raises `sqlite3.Error`."""
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        row = connection.execute(f"SELECT version_num FROM {TABLE}").fetchone()  # noqa: S608  ours
    return None if row is None else str(row[0])
