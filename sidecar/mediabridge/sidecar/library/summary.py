"""How many files there are of each sort, how large they are, and what duplicates take up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, distinct, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from mediabridge.sidecar.database.models import Duplicate, File

from .groups import SERIES
from .listing import Filters, conditions


@dataclass(slots=True)
class Amount:
    """Files, and their bytes together."""

    files: int = 0
    size: int = 0

    def add(self, files: int, size: int) -> None:
        """Some more."""
        self.files += files
        self.size += size


@dataclass(frozen=True, slots=True)
class Summary:
    """`sorts`: by column, the amounts of each word in it. `freeable`: by kind, what undecided groups hold beside the
    keepers that are suggested; `groups` and `undecided` count groups.
    """

    total: Amount
    sorts: Mapping[str, Mapping[str, Amount]]
    groups: int
    undecided: int
    freeable: Mapping[str, Amount]


# In the order of `ix_files_sorts`: a million files are summed in 0.5 s there, in 8 s without it.
_SORTS: Mapping[str, InstrumentedAttribute[Any]] = {
    "status": File.state,
    "type": File.kind,
    "review": File.review,
    "confidence": File.confidence,
}


def summary(session: Session, filters: Filters) -> Summary:
    """Of the files that match: one pass over them, and one over those that are in groups."""
    where = conditions(session, filters)
    rows = session.execute(counted(where))
    total, sorts = Amount(), {name: dict[str, Amount]() for name in _SORTS}
    for files, size, *words in rows:
        total.add(files, int(size))
        for found, word in zip(sorts.values(), words, strict=True):
            found.setdefault(word or "undecided", Amount()).add(files, int(size))
    return Summary(total, sorts, *_groups(session, where), _freeable(session, where))


def counted(where: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """What `summary` asks about the files."""
    columns = _SORTS.values()
    return select(func.count(), func.sum(File.size), *columns).where(*where).group_by(*columns)


def _groups(session: Session, where: Iterable[ColumnElement[bool]]) -> tuple[int, int]:
    asked = select(Duplicate.settled, func.count(distinct(Duplicate.group_id)))
    rows = session.execute(asked.join(File, File.id == Duplicate.file_id).where(*where).group_by(Duplicate.settled))
    found: dict[bool, int] = dict(rows.all())
    return sum(found.values()), found.get(False, 0)


def _freeable(session: Session, where: Iterable[ColumnElement[bool]]) -> dict[str, Amount]:
    others = (Duplicate.settled.is_(False), Duplicate.keeper.is_(False), Duplicate.kind.not_in(SERIES))
    asked = select(Duplicate.kind, func.count(), func.sum(File.size)).where(*others, *where)
    rows = session.execute(asked.join(File, File.id == Duplicate.file_id).group_by(Duplicate.kind))
    return {kind: Amount(files, int(size)) for kind, files, size in rows}
