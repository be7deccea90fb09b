"""Groups of duplicates, as the database has them. Which files are duplicates, others find out.

A file is in one group at most. A group's number is the least of its files' numbers, so that it stays when files join.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import Duplicate, File
from mediabridge.sidecar.database.portable import insert, take_turns

from .intake import batches

SERIES = ("burst", "crop")  # alike, and no duplicates: of such a group nobody is the keeper, and nobody is to go
COPIES = "duplicates"  # all groups that are no series
KINDS = ("exact", "same_picture", "resized", "edited", *SERIES)  # how the files of a group are alike
_TURN = 0x67726F75  # "grou"
_QUIET = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Member:
    """`kind` and `similarity` (0 to 1) say how the file is like the keeper; `reasons` why the keeper is to be kept."""

    file_id: int
    kind: str
    similarity: float
    keeper: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A group with its files, the keeper first."""

    id: int
    settled: bool
    members: Sequence[tuple[Duplicate, File]]

    @property
    def kind(self) -> str:
        """`burst`, `crop` or `duplicates`."""
        first = self.members[0][0].kind
        return first if first in SERIES else COPIES

    @property
    def freeable(self) -> int:
        """Bytes of all but the keeper; none where nobody is to go."""
        if self.kind in SERIES:
            return 0
        return sum(file.size for duplicate, file in self.members if not duplicate.keeper)


def save(session: Session, groups: Iterable[Sequence[Member]], alone: Iterable[int] = ()) -> None:
    """Put groups in the place of all old ones that share a file with them, or with `alone`: files in no group now.

    What was settled by a person stays so while no file joins it.
    """
    take_turns(session, _TURN)
    news = [group for group in groups if len(group) > 1]
    grouped = {member.file_id for group in news for member in group}
    old = _together(session, sorted(grouped | set(alone)))
    gone = sorted(old.keys() | grouped)
    for ids in batches(gone):
        session.execute(delete(Duplicate).where(Duplicate.file_id.in_(ids)), execution_options=_QUIET)
    rows = [row for group in news for row in _rows(group, old)]
    for batch in batches(rows):
        session.execute(insert(session, Duplicate), batch)
    for ids in batches(sorted(old.keys() - grouped)):
        session.execute(update(File).where(File.id.in_(ids)).values(group_id=None), execution_options=_QUIET)
    for group in news:
        for ids in batches(sorted(member.file_id for member in group)):
            statement = update(File).where(File.id.in_(ids)).values(group_id=min(one.file_id for one in group))
            session.execute(statement, execution_options=_QUIET)


def page(
    session: Session, *, settled: bool | None = False, kind: str | None = None, after: int = 0, limit: int = 100
) -> list[Shown]:
    """Groups behind the one with the number `after`, those that nobody has decided about by default.

    `kind`: `COPIES`, or one of `KINDS` that a file in it is of.
    """
    statement = select(Duplicate.group_id).distinct().where(Duplicate.group_id > after)
    if settled is not None:
        statement = statement.where(Duplicate.settled.is_(settled))
    if kind is not None:
        statement = statement.where(Duplicate.kind.not_in(SERIES) if kind == COPIES else Duplicate.kind == kind)
    ids = session.scalars(statement.order_by(Duplicate.group_id).limit(limit)).all()
    return _shown(session, ids)


def get(session: Session, group_id: int) -> Shown | None:
    """One group."""
    return next(iter(_shown(session, [group_id])), None)


def _shown(session: Session, ids: Sequence[int]) -> list[Shown]:
    statement = select(Duplicate, File).join(File, File.id == Duplicate.file_id).where(Duplicate.group_id.in_(ids))
    rows = session.execute(statement.order_by(Duplicate.group_id, Duplicate.keeper.desc(), File.id))
    members: dict[int, list[tuple[Duplicate, File]]] = {}
    for duplicate, file in rows:
        members.setdefault(duplicate.group_id, []).append((duplicate, file))
    return [Shown(group_id, found[0][0].settled, found) for group_id, found in members.items()]


def _together(session: Session, ids: Sequence[int]) -> dict[int, tuple[int, bool]]:
    """All files of the groups that these files are in → group and whether it is settled."""
    found: dict[int, tuple[int, bool]] = {}
    for batch in batches(ids):
        theirs = select(Duplicate.group_id).where(Duplicate.file_id.in_(batch))
        statement = select(Duplicate).where(Duplicate.group_id.in_(theirs)).order_by(Duplicate.file_id)
        for row in session.scalars(statement.with_for_update()):
            found[row.file_id] = (row.group_id, row.settled)
            session.expunge(row)
    return found


def _rows(group: Sequence[Member], old: Mapping[int, tuple[int, bool]]) -> list[dict[str, object]]:
    before = {old.get(member.file_id, (0, False)) for member in group}
    settled = len(before) == 1 and all(was for _, was in before)
    return [
        {
            "file_id": member.file_id,
            "group_id": min(one.file_id for one in group),
            "kind": member.kind,
            "similarity": member.similarity,
            "keeper": member.keeper and member.kind not in SERIES,
            "reasons": list(member.reasons),
            "settled": settled,
        }
        for member in group
    ]
