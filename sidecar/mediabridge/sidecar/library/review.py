"""Decisions of people about files and groups of duplicates. Originals are never touched by them.

Each gives the number under which it can be undone, None when there was nothing to change. Raise `ContentUnknown` for a
file or a group that is none, `InvalidRequest` for what makes no sense.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import File
from mediabridge.sidecar.faults import URL, ContentUnknown, InvalidRequest

from . import audit, groups, tags
from .audit import Change
from .groups import Shown
from .intake import batches

Word = Literal["keep", "discard"]
_LIST = f"List them: curl {URL}/api/library/files"
_LIST_GROUPS = f"List them: curl {URL}/api/library/duplicates"


def get(session: Session, file_id: int) -> File:
    """The file with this number."""
    return _locked(session, [file_id], lock=False)[file_id]


def decide(session: Session, file_id: int, word: Word | None) -> str | None:
    """Keep or discard a file; None: not decided."""
    file = _locked(session, [file_id])[file_id]
    return audit.change(session, word or "undecided", [Change(file_id, "review", file.review, word)])


def choose_date(session: Session, file_id: int, us: int | None, offset_min: int | None) -> str | None:
    """The date is this, by the clock on the wall; None: it is not known."""
    file = _locked(session, [file_id])[file_id]
    confidence = "none" if us is None else "high"
    after = {"us": us, "offset": offset_min, "confidence": confidence, "chosen": True}
    return audit.change(session, "date", [Change(file_id, "taken", audit.date_json(file), after)])


def set_tags(session: Session, file_id: int, names: Iterable[str]) -> str | None:
    """Give a file these tags and no others."""
    _locked(session, [file_id])
    before = tags.of_files(session, [file_id])[file_id]
    after = _sorted(names)
    if len(after) > tags.MOST:
        msg = f"tags: a file has {tags.MOST} at most."
        raise InvalidRequest(msg, "Send fewer tags.")
    return audit.change(session, "tags", [Change(file_id, "tags", before, after)])


def decide_group(
    session: Session, group_id: int, keep: Collection[int] | Literal["all", "suggested"], *, merge_tags: bool = False
) -> str | None:
    """Keep some files of a group and discard the others; `merge_tags`: those kept get the tags of all."""
    group = get_group(session, group_id)
    ids = [file.id for _, file in group.members]
    kept = _kept(group, keep)
    files = _locked(session, ids)
    changes = [
        Change(file_id, "review", files[file_id].review, "keep" if file_id in kept else "discard") for file_id in ids
    ]
    changes += [Change(file_id, "settled", group.settled, True) for file_id in ids]
    if merge_tags:
        changes += _merged(tags.of_files(session, ids), kept)
    return audit.change(session, "group", changes, group_id)


def _merged(found: Mapping[int, Sequence[str]], kept: Collection[int]) -> list[Change]:
    everything = _sorted(name for names in found.values() for name in names)
    return [Change(file_id, "tags", found[file_id], everything) for file_id in sorted(kept)]


def _sorted(names: Iterable[str]) -> list[str]:
    """As `tags.of_files` gives them; of those that are the same but for case the first. Raises `InvalidRequest`."""
    try:
        return tags.ordered(names)
    except ValueError as problem:
        msg = f"tags: {problem}."
        raise InvalidRequest(msg, "Send words or short names.") from problem


def _kept(group: Shown, keep: Collection[int] | Literal["all", "suggested"]) -> set[int]:
    ids = {file.id for _, file in group.members}
    if keep == "all":
        return ids
    if keep == "suggested":
        return {file.id for duplicate, file in group.members if duplicate.keeper} or ids
    kept = {number for number in keep if isinstance(number, int)}
    if not kept or not kept <= ids:
        wrong = f"{min(kept - ids)} is not in group {group.id}" if kept else "at least one file must be kept"
        msg = f"keep: {wrong}."
        raise InvalidRequest(msg, "Name files of the group, or send 'all' or 'suggested'.")
    return kept


def get_group(session: Session, group_id: int) -> Shown:
    """The group with this number."""
    group = groups.get(session, group_id)
    if group is None:
        msg = f"There is no group {group_id}."
        raise ContentUnknown(msg, _LIST_GROUPS)
    return group


def _locked(session: Session, ids: Sequence[int], *, lock: bool = True) -> dict[int, File]:
    found: dict[int, File] = {}
    for batch in batches(sorted(ids)):
        statement = select(File).where(File.id.in_(batch)).order_by(File.id)
        if lock:
            statement = statement.with_for_update().execution_options(populate_existing=True)
        found |= {file.id: file for file in session.scalars(statement)}
    for number in ids:
        if number not in found:
            msg = f"There is no file {number}."
            raise ContentUnknown(msg, _LIST)
    return found
