"""The little that SQLAlchemy spells differently for the two databases."""

from __future__ import annotations

from typing import cast

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.orm import DeclarativeBase, Session


def insert(session: Session, table: type[DeclarativeBase]) -> Insert:
    """An INSERT that knows ON CONFLICT; both dialects have the same methods for it."""
    if session.get_bind().dialect.name == "postgresql":
        return cast("Insert", postgresql.insert(table))
    return sqlite.insert(table)


def take_turns(session: Session, key: int) -> None:
    """Until the end of the transaction nobody else is behind this call with the same key. In SQLite one writes anyway.

    For changes that look at many rows first: PostgreSQL would let two of them look at the same time.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(key)))
