"""Groups of duplicates."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.library import cursor, groups, review, tags
from mediabridge.sidecar.library.cursor import Place
from mediabridge.sidecar.library.groups import Shown
from mediabridge.sidecar.services import services

from . import asking, shown

_MOST = 100
_SETTLED = {"false": False, "true": True, "all": None}


def many() -> Response:
    """A page of groups: those that nobody has decided about, unless `settled` says others."""
    args = request.args
    asking.only(args, asking.PAGE | {"settled", "kind"})
    settled = _SETTLED[asking.choice(args, "settled", tuple(_SETTLED)) or "false"]
    kind = asking.choice(args, "kind", (groups.COPIES, *groups.KINDS))
    limit = asking.limit(args, _MOST) if "limit" in args else _MOST
    asked = cursor.digest(["duplicates", settled, kind])
    after = asking.after(args, asked, int)

    def work(session: Session) -> dict[str, Any]:
        number = 0 if after is None else after.id
        found = groups.page(session, settled=settled, kind=kind, after=number, limit=limit + 1)
        shown_ones, last = found[:limit], found[limit - 1].id if len(found) > limit else None
        return {
            "groups": _told(session, shown_ones),
            "next": None if last is None else cursor.write(Place(last, last), asked),
        }

    return answer(services().library.read(work))


def one(group_id: str) -> Response:
    """One group."""
    number = asking.number(group_id, "group")
    return answer(services().library.read(lambda session: _told(session, [review.get_group(session, number)])[0]))


def _told(session: Session, found: list[Shown]) -> list[dict[str, Any]]:
    ids = [row.id for group in found for _, row in group.members]
    words = tags.of_files(session, ids)
    return [shown.group(group, words) for group in found]
