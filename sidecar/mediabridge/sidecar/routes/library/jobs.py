"""Jobs of the library, with the files that they could not do."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.faults import URL, JobUnknown
from mediabridge.sidecar.library import cursor, jobs, steps
from mediabridge.sidecar.library.cursor import Place
from mediabridge.sidecar.services import services

from . import asking, shown

_ASKED = cursor.digest("jobs")
_LONGEST = 64


def many() -> Response:
    """Jobs, the newest first."""
    args = request.args
    asking.only(args, asking.PAGE | {"kind"})
    limit, after = asking.limit(args), asking.after(args, _ASKED, str)
    kind = asking.choice(args, "kind", jobs.KINDS)

    def work(session: Session) -> list[Any]:
        return list(jobs.listed(session, kind, None if after is None else str(after.value), limit + 1))

    found, queue = services().library.read(work), services().queue
    rows = found[:limit]
    return answer(
        {
            "jobs": [shown.job(row, queue.get(row.id)) for row in rows],
            "next": cursor.write(Place(rows[-1].id, 0), _ASKED) if len(found) > limit else None,
        }
    )


def one(job_id: str) -> Response:
    """One job, with a page of its errors."""
    args = request.args
    asking.only(args, asking.PAGE)
    job_id = job_id[:_LONGEST].replace("\0", "")
    asked = cursor.digest(["errors", job_id])
    limit, after = asking.limit(args), asking.after(args, asked, int)

    def work(session: Session) -> Any:
        found = steps.errors(session, job_id, limit + 1, 0 if after is None else after.id)
        return jobs.get(session, job_id), found

    row, found = services().library.read(work)
    if row is None:
        msg = f"There is no job {job_id!r} of the library."
        raise JobUnknown(msg, f"List them: curl {URL}/api/library/jobs")
    last = found[limit - 1][0].id if len(found) > limit else None
    told = shown.job(row, services().queue.get(job_id))
    errors = [shown.failure(step, file) for step, file in found[:limit]]
    following = None if last is None else cursor.write(Place(last, last), asked)
    return answer({**told, "errors": errors, "next": following})
