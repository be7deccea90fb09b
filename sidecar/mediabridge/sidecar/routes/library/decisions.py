"""Decisions: about a file, its tags, a group of duplicates; all of them, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from flask import Response, request
from sqlalchemy.orm import Session

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.library import audit, cursor, moments, review
from mediabridge.sidecar.library import tags as words
from mediabridge.sidecar.library.cursor import Place
from mediabridge.sidecar.services import services

from . import asking, shown

_WORDS: dict[str, review.Word | None] = {"keep": "keep", "discard": "discard", "undecided": None}
_ASKED = cursor.digest("decisions")


def file(file_id: str) -> Response:
    """`{"decision": "keep" | "discard" | "undecided"}`, or `{"decision": "date", "date": "2024-01-31T12:00:00"}`."""
    number = asking.number(file_id, "file")
    sent = asking.body({"decision", "date"})
    word = sent.get("decision")
    if word == "date":
        us, offset = _date(sent)
        return _file(number, lambda session: review.choose_date(session, number, us, offset))
    if not isinstance(word, str) or word not in _WORDS:
        raise asking.wrong("decision", f"it is none of {', '.join([*_WORDS, 'date'])}")
    if "date" in sent:
        raise asking.wrong("date", "it belongs to the decision 'date' alone")
    return _file(number, lambda session: review.decide(session, number, _WORDS[word]))


def tags(file_id: str) -> Response:
    """`{"tags": [...]}`: these and no others."""
    number = asking.number(file_id, "file")
    names = asking.names(asking.body({"tags"}), "tags")
    return _file(number, lambda session: review.set_tags(session, number, names))


def group(group_id: str) -> Response:
    """`{"keep": "suggested" | "all" | [ids], "mergeTags": false}`: all others of the group are discarded."""
    number = asking.number(group_id, "group")
    sent = asking.body({"keep", "mergeTags"})
    keep, merge = _kept(sent.get("keep")), sent.get("mergeTags", False)
    if not isinstance(merge, bool):
        raise asking.wrong("mergeTags", "it is neither true nor false")

    def work(session: Session) -> dict[str, Any]:
        batch = review.decide_group(session, number, keep, merge_tags=merge)
        found = review.get_group(session, number)
        tags = words.of_files(session, [row.id for _, row in found.members])
        return {"decisionId": batch, "group": shown.group(found, tags)}

    return answer(services().library.write(work))


def many() -> Response:
    """All changes, the newest first."""
    args = request.args
    asking.only(args, asking.PAGE | {"file"})
    number = asking.number(args["file"], "file") if "file" in args else None
    limit, after = asking.limit(args), asking.after(args, _ASKED, int)

    def work(session: Session) -> dict[str, Any]:
        found = audit.listed(session, number, None if after is None else after.id, limit + 1)
        more = len(found) > limit
        rows = found[:limit]
        return {
            "decisions": [shown.decision(row) for row in rows],
            "next": cursor.write(Place(rows[-1].id, rows[-1].id), _ASKED) if more else None,
        }

    return answer(services().library.read(work))


def undo(decision_id: str) -> Response:
    """Everything is as it was before."""
    batch = decision_id[:64].replace("\0", "")

    def work(session: Session) -> dict[str, Any]:
        made = audit.undo(session, batch)
        return {"decisionId": batch, "undone": [shown.decision(row) for row in made]}

    return answer(services().library.write(work))


def _file(number: int, decide: Callable[[Session], str | None]) -> Response:
    def work(session: Session) -> dict[str, Any]:
        batch = decide(session)
        row = review.get(session, number)
        tags = words.of_files(session, [number])[number]
        return {"decisionId": batch, "file": shown.file(row, tags)}

    return answer(services().library.write(work))


def _kept(sent: object) -> list[int] | Literal["all", "suggested"]:
    if sent == "all":
        return "all"
    if sent == "suggested":
        return "suggested"
    if isinstance(sent, list) and all(type(one) is int for one in sent):
        return sent
    raise asking.wrong("keep", "it is neither 'suggested' nor 'all' nor a list of files' ids")


def _date(sent: dict[str, Any]) -> tuple[int | None, int | None]:
    date = sent.get("date")
    if date is None and "date" in sent:
        return None, None
    if not isinstance(date, str):
        raise asking.wrong("date", "it is missing (a date, or null for none)")
    try:
        return moments.chosen(date)
    except ValueError as problem:
        raise asking.wrong("date", str(problem)) from problem
