"""Brings a database to the shape of the models: at its opening, by one process, all or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from mediabridge.sidecar.faults import StorageUnavailable

from .engine import file_of, writers
from .lock import alone
from .shape import HEAD, TABLE

_FOLDER = Path(__file__).parent / "migrations"
_KEY = 0x6D656462  # "medb": of the lock that PostgreSQL keeps for us


def migrate(engine: Engine) -> bool:
    """Whether anything had to be done. Raises `StorageUnavailable` for a database of a newer version, `DBAPIError`."""
    if revision(engine) == HEAD:
        return False  # Alembic is not even loaded
    with _alone(engine) as connection:
        found = _revision(connection)
        if found == HEAD:  # somebody else was faster
            return False
        _upgrade(connection, found)
    return True


def revision(engine: Engine) -> str | None:
    """Where the database is; None for an empty one."""
    with engine.connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {TABLE}")).scalar()  # noqa: S608  ours
    return found


@contextlib.contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction of the only one who migrates."""
    file = file_of(engine)
    writing = writers(engine)
    if file is None:
        with writing.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = 0"))  # somebody else's migration may take its time
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})
            yield connection
        return
    with alone(file.with_name(f"{file.name}.lock")):
        _use_log(engine)
        with writing.begin() as connection:
            yield connection


def _use_log(engine: Engine) -> None:
    """The file remembers it (sqlite.org/wal.html#persistence_of_wal_mode). It cannot be done in a transaction."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only=0")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.close()
    finally:
        connection.close()


def _upgrade(connection: Connection, found: str | None) -> None:
    from alembic import command  # noqa: PLC0415  0.13 s and 11 MB that a database of the right shape does not need
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        msg = f"The library's database has the shape {found[:32]!r}, which this version does not know."
        raise StorageUnavailable(msg, "Start the version of mediabridge that made it, or a newer one.")
    command.upgrade(config, "head")
