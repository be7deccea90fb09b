"""The engine: connections as both databases need them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from mediabridge.sidecar.faults import StorageUnavailable

BUSY_S = 5.0
WRITES = "mediabridge_writes"  # the execution option of connections that write
_POOL = {"pool_size": 5, "max_overflow": 11, "pool_timeout": 30.0}  # a connection for each thread of the server
_SERVER = {"connect_timeout": 5, "options": f"-c lock_timeout={int(BUSY_S * 1000)} -c timezone=UTC"}  # libpq's


def open_engine(url: str) -> Engine:
    """Connects nowhere yet. Raises `StorageUnavailable` for an address that is none, and without its driver."""
    try:
        if make_url(url).get_backend_name() == "sqlite":
            return _sqlite(url)
        return create_engine(url, **_POOL, pool_pre_ping=True, connect_args=_SERVER)
    except (ArgumentError, NoSuchModuleError) as problem:
        msg = "DATABASE_URL is no address of a database."
        raise StorageUnavailable(msg, "Use sqlite:////folder/library.db or postgresql://user@host/name.") from problem
    except ModuleNotFoundError as problem:
        msg = f"The driver for DATABASE_URL is not installed ({problem.name})."
        raise StorageUnavailable(msg, "Run: pip install 'mediabridge[postgres]'") from problem


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, **_POOL, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the module begins no transactions by itself; `_begin` does
    run = connection.execute
    run("PRAGMA foreign_keys=ON")
    run("PRAGMA synchronous=NORMAL")  # with the log: whole after a crash, without an fsync for each transaction
    run("PRAGMA temp_store=MEMORY")
    run("PRAGMA journal_size_limit=67108864")  # bytes; what one large import has written to the log is given back
    run("PRAGMA cache_size=-16384")  # KiB


def _begin(connection: Connection) -> None:
    """Who writes says so at once: a reader that becomes a writer is refused when somebody else wrote meanwhile."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only={int(not writes)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def readers(engine: Engine) -> Engine:
    """The engine for those who read: they see one state of the database, and are refused when they write."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def writers(engine: Engine) -> Engine:
    """The engine for those who write."""
    return engine.execution_options(**{WRITES: True})


def file_of(engine: Engine) -> Path | None:
    """The file of an SQLite database; None for a server."""
    if engine.dialect.name != "sqlite" or engine.url.database is None:
        return None
    return Path(engine.url.database).absolute()
