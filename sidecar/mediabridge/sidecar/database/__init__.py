"""The library's database: SQLite or PostgreSQL, the same models on both. Knows no HTTP and no setting.

Read `database.py` first: work is a function of a session, read or written, and repeated where the database asks for it.
Importing this package costs nothing: SQLAlchemy is loaded when a `Door` is first opened.
"""

from .door import Door
from .place import url_of

__all__ = ["Door", "url_of"]
