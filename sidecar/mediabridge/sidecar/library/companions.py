"""Files that belong together, as the database has them. Which do, `duplicates.companions` finds out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, delete, or_, select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import Companion, File
from mediabridge.sidecar.database.portable import insert

from .intake import batches

_QUIET = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Pair:
    """`kind` is `raw+jpeg` (the RAW file first) or `live` (the still first)."""

    file_id: int
    other_id: int
    kind: str
    certainty: str
    reasons: tuple[str, ...] = ()


def save(session: Session, pairs: Iterable[Pair], looked: Collection[int]) -> None:
    """Put pairs in the place of all old ones between the files that were looked at."""
    for ids in batches(sorted(looked)):
        old = select(Companion.file_id, Companion.other_id).where(Companion.file_id.in_(ids))
        for one, other in session.execute(old).all():
            if other in looked:
                mine = (Companion.file_id == one, Companion.other_id == other)
                session.execute(delete(Companion).where(*mine), execution_options=_QUIET)
    rows = [
        {"file_id": it.file_id, "other_id": it.other_id, "kind": it.kind, "certainty": it.certainty,
         "reasons": list(it.reasons)}
        for it in pairs
    ]  # fmt: skip
    for batch in batches(rows):
        session.execute(insert(session, Companion).on_conflict_do_nothing(), batch)


def of(session: Session, file_id: int) -> list[tuple[Companion, File]]:
    """What belongs to a file, each with how it does."""
    other = case((Companion.file_id == file_id, Companion.other_id), else_=Companion.file_id)
    mine = or_(Companion.file_id == file_id, Companion.other_id == file_id)
    found: Any = session.execute(select(Companion, File).join(File, File.id == other).where(mine).order_by(File.id))
    return [(companion, file) for companion, file in found]
