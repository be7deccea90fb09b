"""The little that SQLAlchemy spells differently for the two databases."""

from __future__ import annotations

from typing import cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.orm import DeclarativeBase, Session


def insert(session: Session, table: type[DeclarativeBase]) -> Insert:
    """An INSERT that knows ON CONFLICT; both dialects have the same methods for it."""
    if session.get_bind().dialect.name == "postgresql":
        return cast("Insert", postgresql.insert(table))
    return sqlite.insert(table)
