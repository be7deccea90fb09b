"""What people have decided: every change with what was before it, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session, aliased

from mediabridge.sidecar import requestid
from mediabridge.sidecar.database.models import Decision, Duplicate, File
from mediabridge.sidecar.faults import URL, Conflict, ContentUnknown

from . import tags
from .intake import Dated, batches, date_columns
from .moments import now_us

_QUIET = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one file. Values are JSON: `review` a word or null, `taken` an object, `tags` a list."""

    file_id: int
    field: str
    before: Any
    after: Any


def date_json(file: File) -> dict[str, Any]:
    """A file's date, as a change holds it."""
    us = file.taken_us if file.month else None
    return {"us": us, "offset": file.offset_min, "confidence": file.confidence, "chosen": file.chosen}


def _set_review(session: Session, file_id: int, value: Any) -> None:
    session.execute(update(File).where(File.id == file_id).values(review=value), execution_options=_QUIET)


def _set_date(session: Session, file_id: int, value: Any) -> None:
    columns = date_columns(Dated(value["us"], value["offset"], value["confidence"]))
    statement = update(File).where(File.id == file_id).values(**columns, chosen=value["chosen"])
    session.execute(statement, execution_options=_QUIET)


def _set_settled(session: Session, file_id: int, value: Any) -> None:
    statement = update(Duplicate).where(Duplicate.file_id == file_id).values(settled=value)
    session.execute(statement, execution_options=_QUIET)


FIELDS: Mapping[str, Callable[[Session, int, Any], None]] = MappingProxyType(
    {"review": _set_review, "taken": _set_date, "tags": tags.replace, "settled": _set_settled}
)


def change(session: Session, action: str, changes: Iterable[Change], group_id: int | None = None) -> str | None:
    """Make changes and note them. Gives the number under which they can be undone; None when nothing was to change."""
    real = [one for one in changes if one.before != one.after]
    if not real:
        return None
    batch, moment = requestid.make(), now_us()
    for one in real:
        FIELDS[one.field](session, one.file_id, one.after)
    rows = [
        {
            "batch": batch,
            "action": action,
            "file_id": one.file_id,
            "group_id": group_id,
            "field": one.field,
            "before": one.before,
            "after": one.after,
            "created_us": moment,
        }
        for one in real
    ]
    session.execute(insert(Decision), rows)
    _touch(session, real, moment)
    session.expire_all()  # what was loaded is not as it was
    return batch


def undo(session: Session, batch: str) -> Sequence[Decision]:
    """Set everything to what it was before the changes of a number. Gives them.

    Raises `ContentUnknown`; `Conflict` when they are undone already, or something was decided about the same later.
    """
    made = session.scalars(
        select(Decision).where(Decision.batch == batch).order_by(Decision.id.desc()).with_for_update()
    ).all()
    if not made:
        msg = f"There is no decision {batch[:64]!r}."
        raise ContentUnknown(msg, f"List them: curl {URL}/api/library/decisions")
    if made[0].undone_us is not None:
        msg = "The decision was undone already."
        raise Conflict(msg)
    files = sorted({one.file_id for one in made})
    session.scalars(select(File.id).where(File.id.in_(files)).order_by(File.id).with_for_update()).all()
    later = _later(session, batch)
    if later is not None:
        msg = f"Decision {later.batch} changed the same of file {later.file_id} later."
        raise Conflict(msg, "Undo the later one first.")
    moment = now_us()
    for one in made:
        FIELDS[one.field](session, one.file_id, one.before)
        one.undone_us = moment
    _touch(session, made, moment)
    session.flush()
    return made


def _touch(session: Session, changes: Iterable[Change | Decision], moment: int) -> None:
    """The files are other than they were."""
    for ids in batches(sorted({one.file_id for one in changes})):
        statement = update(File).where(File.id.in_(ids)).values(updated_us=moment)
        session.execute(statement, execution_options=_QUIET)


def _later(session: Session, batch: str) -> Decision | None:
    """A decision that holds, of another number, about a field that this one changed before it."""
    mine = aliased(Decision)
    same = exists().where(
        mine.batch == batch,
        mine.file_id == Decision.file_id,
        mine.field == Decision.field,
        mine.id < Decision.id,
    )
    statement = select(Decision).where(same, Decision.batch != batch, Decision.undone_us.is_(None))
    return session.scalars(statement.order_by(Decision.id.desc()).limit(1)).first()


def listed(
    session: Session, file_id: int | None = None, before: int | None = None, limit: int = 100
) -> Sequence[Decision]:
    """All changes, the newest first, before the one with the number `before`; undone ones too."""
    statement = select(Decision).order_by(Decision.id.desc()).limit(limit)
    if file_id is not None:
        statement = statement.where(Decision.file_id == file_id)
    if before is not None:
        statement = statement.where(Decision.id < before)
    return session.scalars(statement).all()
