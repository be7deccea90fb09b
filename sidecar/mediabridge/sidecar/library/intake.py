"""What an import writes: files as they are met, and what was found out of each. All in batches, all repeatable.

A step that is repeated after a crash changes nothing: a file has one row for its origin, whoever comes second finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar, cast, get_args

from sqlalchemy import Table, bindparam, case, select, update
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import UNDATED, File
from mediabridge.sidecar.database.portable import insert

from .moments import month_of, now_us, us_of
from .origin import Origin, fold

BATCH = 500  # rows of a statement: few enough for both databases' parameters, enough that statements cost little
Measure = TypeVar("Measure", int | None, float | None)
Kind = Literal["photo", "video", "audio", "document", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
READ = ("done", "missing")  # states of files of which all is known
_GONE = {"kind": "not_found", "message": "The original is not there any more where it was imported from."}
_MOST = 2**31 - 1  # of pixels a side, and of seconds
_LONGEST_TYPE = 255
_TABLE = cast("Table", File.__table__)


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as a folder shows it: `size` in bytes, when it was changed."""

    origin: Origin
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Known:
    """A file of the library. `unchanged`: it was read, and is as it was then; `pictured`: its hash was taken.

    `back`: an import has missed it.
    """

    id: int
    unchanged: bool
    pictured: bool = True
    back: bool = False


@dataclass(frozen=True, slots=True)
class Dated:
    """When it was taken: `us` by the clock on the wall, None for "not known". `evidence` is JSON for people."""

    us: int | None
    offset_min: int | None
    confidence: str
    evidence: Any = None

    @classmethod
    def of(cls, moment: datetime | None, offset: timedelta | None, confidence: str, evidence: Any = None) -> Dated:
        """Of a naive time, as `dates.Taken` has it."""
        minutes = None if offset is None else round(offset / timedelta(minutes=1))
        return cls(None if moment is None else us_of(moment), minutes, confidence, evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that was found out of a file: `perceptual` as the domain of duplicates compares it (None: not taken yet, no
    bytes: it has none), `details` as JSON.
    """

    file_id: int
    sha256: str
    mime_type: str
    kind: Kind
    dated: Dated
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    perceptual: bytes | None = None
    details: Mapping[str, Any] | None = None


def known(session: Session, seen: Iterable[Seen]) -> dict[bytes, Known]:
    """Of these, those that are in the library, by `origin.key`."""
    wanted = {one.origin.key: one for one in seen}
    columns = (File.key, File.id, File.size, File.mtime_ns, File.state, File.perceptual.is_not(None))
    found = {}
    for keys in batches(list(wanted)):
        for key, file_id, *then, state, pictured in session.execute(select(*columns).where(File.key.in_(keys))):
            one = wanted[key]
            same = state in READ and then == [one.size, one.mtime_ns]
            found[key] = Known(file_id, same, pictured, same and state == "missing")
    return found


def register(session: Session, seen: Iterable[Seen]) -> dict[bytes, int]:
    """Note files that are to be read, and give the numbers of their rows. One that has changed is read again.

    Give it no file that is `unchanged`: that one would be read again, too.
    """
    moment = now_us()
    rows = {one.origin.key: _new(one, moment) for one in seen}
    ids: dict[bytes, int] = {}
    for batch in batches(list(rows.values())):
        statement = insert(session, File)
        news = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "size": news.size,
                "mtime_ns": news.mtime_ns,
                "state": "pending",
                "processing_error": None,
                "updated_us": moment,
            },
        )
        ids |= dict(session.execute(statement.returning(File.key, File.id), batch).all())
    return ids


def finish(session: Session, found: Iterable[Found]) -> None:
    """Note what was found out. A date that a person has chosen stays."""
    rows = [_found(one) for one in found]
    if not rows:
        return
    keep = {name: case((_TABLE.c.chosen, _TABLE.c[name]), else_=bindparam(name)) for name in _DATE}
    plain: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name not in {*_DATE, "file"}}
    session.connection().execute(update(_TABLE).where(_TABLE.c.id == bindparam("file")).values({**plain, **keep}), rows)


def fail(session: Session, errors: Mapping[int, Mapping[str, str]]) -> None:
    """Note of files, by their number, why they could not be read: `{"kind", "message"}`."""
    moment = now_us()
    rows = [
        {"file": file_id, "state": "failed", "processing_error": dict(error), "updated_us": moment}
        for file_id, error in errors.items()
    ]
    if rows:
        session.connection().execute(update(_TABLE).where(_TABLE.c.id == bindparam("file")), rows)


def lose(session: Session, file_ids: Sequence[int]) -> None:
    """Note files that are not there any more: what was read of them stays, so that they may come back."""
    state = case((_TABLE.c.state.in_(READ), "missing"), else_="failed")
    _change(session, file_ids, {"state": state, "processing_error": _GONE})


def find_again(session: Session, file_ids: Sequence[int]) -> None:
    """Note that files are there again, and as they were."""
    _change(session, file_ids, {"state": "done", "processing_error": None})


def _change(session: Session, file_ids: Sequence[int], values: Mapping[str, Any]) -> None:
    for ids in batches(file_ids):
        statement = update(_TABLE).where(_TABLE.c.id.in_(ids))
        session.connection().execute(statement.values({**values, "updated_us": now_us()}))


def batches(items: Sequence[Any], size: int = BATCH) -> Iterable[Sequence[Any]]:
    """The items in order, `size` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


_DATE = ("taken_us", "month", "offset_min", "confidence")


def date_columns(dated: Dated) -> dict[str, Any]:
    """The columns that say when."""
    us = UNDATED if dated.us is None else dated.us
    return {
        "taken_us": us,
        "month": 0 if dated.us is None else month_of(dated.us),
        "offset_min": dated.offset_min,
        "confidence": dated.confidence,
    }


def _new(one: Seen, moment: int) -> dict[str, Any]:
    return {
        "key": one.origin.key,
        "path": one.origin.path,
        "name": one.origin.name,
        "folded": fold(one.origin.name),
        "size": one.size,
        "mtime_ns": one.mtime_ns,
        "state": "pending",
        "kind": "other",
        "chosen": False,
        "created_us": moment,
        "updated_us": moment,
        **date_columns(Dated(None, None, "none")),
    }


def _found(one: Found) -> dict[str, Any]:
    return {
        "file": one.file_id,
        "state": "done",
        "processing_error": None,
        "sha256": one.sha256,
        "mime_type": one.mime_type[:_LONGEST_TYPE],
        "kind": one.kind,
        "width": _sane(one.width),
        "height": _sane(one.height),
        "duration_s": _sane(one.duration_s),
        "perceptual": one.perceptual,
        "taken": one.dated.evidence,
        "details": None if one.details is None else dict(one.details),
        "updated_us": now_us(),
        **date_columns(one.dated),
    }


def _sane(measure: Measure) -> Measure | None:
    """What a broken file says of itself may be no measure at all, and one such row must not spoil its batch."""
    return measure if measure is not None and 0 <= measure <= _MOST else None  # NaN is not
