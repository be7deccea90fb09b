"""Files of the library, a page at a time: the first of a million rows comes as fast as that of a hundred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Select, exists, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from mediabridge.sidecar.database.models import UNDATED, Duplicate, File, FileTag, Tag

from .cursor import Place, Value, digest
from .groups import SERIES
from .origin import fold

Review = Literal["undecided", "keep", "discard"]
State = Literal["pending", "done", "failed", "missing"]
REVIEWS: tuple[Review, ...] = get_args(Review)
STATES: tuple[State, ...] = get_args(State)
MOST = 500  # files of a page
_FEW = 10_000  # files of a tag: so many are faster sorted than looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is asked for; all must hold. Dates are `moments` of the clock on the wall, both included.

    `duplicates`: copies of each other; the frames of a series are in groups, and none.
    """

    first_us: int | None = None
    last_us: int | None = None
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    duplicates: bool = False
    dated: bool | None = None
    confidences: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    review: Review | None = None
    text: str = ""

    def fields(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Order:
    """`column` first, then the number, both in the same direction, so that one index serves."""

    column: InstrumentedAttribute[Any]
    kind: type[Value]
    falls: bool


ORDERS: Mapping[str, Order] = MappingProxyType(
    {
        f"{'-' * falls}{word}": Order(column, kind, bool(falls))
        for word, column, kind in (
            ("taken", File.taken_us, int),
            ("added", File.id, int),
            ("name", File.folded, str),
            ("size", File.size, int),
        )
        for falls in (1, 0)
    }
)


@dataclass(frozen=True, slots=True)
class Page:
    """`last` is where the next page begins; None when there is none."""

    files: Sequence[File]
    last: Place | None


def asked(filters: Filters, order: str) -> str:
    """The digest of a list, for its cursors."""
    return digest([filters.fields(), order])


def page(
    session: Session, filters: Filters, order: str = "-taken", after: Place | None = None, limit: int = 100
) -> Page:
    """The files behind a place, at most `limit`."""
    found = session.scalars(statement(session, filters, order, after, limit + 1)).all()
    files = found[:limit]
    column = ORDERS[order].column.key
    return Page(files, Place(getattr(files[-1], column), files[-1].id) if len(found) > limit else None)


def statement(session: Session, filters: Filters, order: str, after: Place | None, limit: int) -> Select[File]:
    """What `page` asks the database."""
    by = ORDERS[order]
    asked = select(File).where(*conditions(session, filters))
    columns = (File.id,) if by.column is File.id else (by.column, File.id)
    if after is not None:
        mine, its = tuple_(*columns), tuple_(*(after.value, after.id)[-len(columns) :])
        asked = asked.where(mine < its if by.falls else mine > its)
    return asked.order_by(*(column.desc() if by.falls else column.asc() for column in columns)).limit(limit)


def neighbours(session: Session, file: File, filters: Filters, order: str) -> tuple[int | None, int | None]:
    """The numbers of the files before and behind one in a list, None at its ends; it need not be in the list itself."""
    here = Place(getattr(file, ORDERS[order].column.key), file.id)
    back = order.removeprefix("-") if order.startswith("-") else f"-{order}"
    before, behind = (session.scalar(statement(session, filters, way, here, 1)) for way in (back, order))
    return None if before is None else before.id, None if behind is None else behind.id


def conditions(session: Session, filters: Filters) -> list[ColumnElement[bool]]:
    """What must hold of `File`, with tags looked up."""
    found = _plain(filters)
    if filters.text:
        found.append(File.folded.contains(fold(filters.text), autoescape=True))
    for tag in filters.tags:
        number = session.scalar(select(Tag.id).where(Tag.folded == fold(tag)))
        found.append(_tagged(session, -1 if number is None else number))
    return found


def _plain(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.first_us is not None:
        found.append(File.taken_us >= filters.first_us)
    if filters.last_us is not None:
        found.append(File.taken_us <= filters.last_us)
    if filters.dated is False:
        found.append(File.taken_us == UNDATED)
    if filters.dated or (filters.last_us is not None and filters.first_us is None):
        found.append(File.taken_us > UNDATED)
    words = ((File.kind, filters.kinds), (File.state, filters.states), (File.confidence, filters.confidences))
    found += [_one_of(column, some) for column, some in words if some]
    if filters.duplicates:
        series = exists().where(Duplicate.file_id == File.id, Duplicate.kind.in_(SERIES))
        found += [File.group_id.is_not(None), ~series]
    if filters.review == "undecided":
        found.append(File.review.is_(None))
    elif filters.review is not None:
        found.append(File.review == filters.review)
    return found


def _one_of(column: InstrumentedAttribute[str], words: Sequence[str]) -> ColumnElement[bool]:
    return column == words[0] if len(words) == 1 else column.in_(sorted(words))


def _tagged(session: Session, tag_id: int) -> ColumnElement[bool]:
    """Of a rare tag the files are fetched and sorted; of a frequent one they are met soon on the way down the order."""
    some = select(FileTag.file_id).where(FileTag.tag_id == tag_id).limit(_FEW + 1).subquery()
    if (session.scalar(select(func.count()).select_from(some)) or 0) <= _FEW:
        return File.id.in_(select(FileTag.file_id).where(FileTag.tag_id == tag_id))
    return exists().where(FileTag.tag_id == tag_id, FileTag.file_id == File.id)
