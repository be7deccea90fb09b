"""Where the library's database lies."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

NAME = "library.db"
_POSTGRES = ("postgres", "postgresql")  # both spellings are in use (libpq, 34.1.1.2)


def url_of(database_url: str | None, instance: Path) -> str:
    """DATABASE_URL as SQLAlchemy takes it; without one, `library.db` in the instance folder."""
    if not database_url:
        return f"sqlite:///{quote(str((instance / NAME).absolute()))}"
    scheme, _, rest = database_url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in _POSTGRES else database_url
