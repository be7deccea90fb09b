"""Files: lists, one, its pictures; the timeline."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from flask import Response, request
from sqlalchemy.orm import Session

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.faults import Conflict
from mediabridge.sidecar.images.shelf import Kept
from mediabridge.sidecar.library import audit, companions, cursor, groups, listing, moments, review
from mediabridge.sidecar.library import tags as words
from mediabridge.sidecar.library import timeline as months
from mediabridge.sidecar.library.original import Placed
from mediabridge.sidecar.routes.serving import ASKED_AGAIN, Content, serve
from mediabridge.sidecar.services import services

from . import asking, shown

_DECISIONS = 50  # of a file that are shown with it


def many() -> Response:
    """A page of files."""
    args = request.args
    asking.only(args, asking.FILTERS | asking.PAGE | {"sort"})
    filters, order, limit = asking.filters(args), asking.order(args), asking.limit(args)
    asked = listing.asked(filters, order)
    after = asking.after(args, asked, listing.ORDERS[order].kind)

    def work(session: Session) -> dict[str, Any]:
        page = listing.page(session, filters, order, after, limit)
        tags = words.of_files(session, [file.id for file in page.files])
        files = [shown.file(file, tags[file.id]) for file in page.files]
        return {"files": files, "next": None if page.last is None else cursor.write(page.last, asked)}

    return answer(services().library.read(work))


def one(file_id: str) -> Response:
    """All that is known of a file: why its date is what it is, its group, what was decided."""
    number = asking.number(file_id, "file")

    def work(session: Session) -> dict[str, Any]:
        file = review.get(session, number)
        group = None if file.group_id is None else groups.get(session, file.group_id)
        ids = {number} | ({row.id for _, row in group.members} if group else set())
        tags = words.of_files(session, sorted(ids))
        return {
            **shown.file(file, tags[number]),
            "dateEvidence": file.taken,
            "details": file.details,
            "duplicates": None if group is None else shown.group(group, tags),
            "companions": [shown.companion(*it) for it in companions.of(session, number)],
            "decisions": [shown.decision(row) for row in audit.listed(session, number, limit=_DECISIONS)],
        }

    return answer(services().library.read(work))


def neighbours(file_id: str) -> Response:
    """The files before and behind it in a list, with the list's own words; null at its ends."""
    number, args = asking.number(file_id, "file"), request.args
    asking.only(args, asking.FILTERS | {"sort"})
    filters, order = asking.filters(args), asking.order(args)

    def work(session: Session) -> dict[str, Any]:
        previous, following = listing.neighbours(session, review.get(session, number), filters, order)
        return {"previous": previous, "next": following}

    return answer(services().library.read(work))


def thumbnail(file_id: str) -> Response:
    """A small picture of it."""
    return _picture(file_id, "thumbnail")


def preview(file_id: str) -> Response:
    """A picture of it for a screen."""
    return _picture(file_id, "preview")


def timeline() -> Response:
    """How many files there are of each month, the newest first."""
    asking.only(request.args, asking.FILTERS)
    filters = asking.filters(request.args)
    found = services().library.read(lambda session: months.months(session, filters))
    undated = found.pop(0, 0)
    rows = [{"month": moments.month_text(month), "files": files} for month, files in found.items()]
    return answer({"months": rows, "undated": undated, "total": undated + sum(found.values())})


def _picture(file_id: str, preset: str) -> Response:
    number, parts = asking.number(file_id, "file"), services()
    file = parts.library.read(lambda session: review.get(session, number))
    if file.sha256 is None:
        msg = f"File {number} was not read {'yet' if file.state == 'pending' else 'successfully'}."
        raise Conflict(msg, "Look at its status and processingError.")
    gone = request.environ.get("waitress.client_disconnected")  # other servers have no word on it
    if file.path is None:
        kept = parts.shelf.get(file.sha256, preset, gone)
    else:
        placed = Placed(file.path, file.sha256, file.size, file.mtime_ns)
        kept = parts.shelf.get_of(placed.source(parts.derived.new_path), preset, gone)
    return serve(request, _content(kept), ASKED_AGAIN)


def _content(kept: Kept) -> Content:
    data = kept.path.read_bytes()  # it may be evicted at any moment; such pictures are small

    def opened(start: int, length: int) -> BinaryIO:
        return io.BytesIO(data[start : start + length])

    made = kept.made
    return Content(len(data), kept.sha256, made.mime_type, f"{made.preset}.{made.extension}", opened)
