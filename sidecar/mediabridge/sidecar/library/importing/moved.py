"""Files that were moved or renamed: what people have decided about them at the old place holds at the new one.

A file that an import has added and one that is missing are the same when their bytes are. What follows is noted as a
decision, `moved`, and can be undone like any other; the old row stays as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import File, FileTag, Job, JobFile, Tag
from mediabridge.sidecar.library import audit, tags
from mediabridge.sidecar.library.audit import Change
from mediabridge.sidecar.library.intake import batches

Named = tuple[int, str, str]  # number, SHA-256, name
_THERE = ("pending", "done", "failed")  # none of these is missing; so asked, the index of the hashes is used
_AT_ONCE = 200  # files of a transaction


def follow(door: Door, job_id: str) -> None:
    """Carry decisions over to the files that this job has added. Twice is the same as once."""
    news = door.read(lambda session: _added(session, job_id))
    if not news:
        return
    olds = door.read(lambda session: list(_missing(session, {sha256 for _, sha256, _ in news})))
    for some in batches(sorted(pair(news, olds).items()), _AT_ONCE):
        door.write(partial(_carry, some))


def pair(news: Iterable[Named], olds: Iterable[Named]) -> dict[int, int]:
    """New files and the old ones that they were, one for each: of the same bytes, and the same name where there is one.

    Pure.
    """
    left: dict[str, dict[int, str]] = defaultdict(dict)
    for number, sha256, name in olds:
        left[sha256][number] = name
    found: dict[int, int] = {}
    for alike in (True, False):
        for number, sha256, name in news:
            mine = (old for old, its in left[sha256].items() if not alike or its == name)
            if number not in found and (old := next(mine, None)) is not None:
                found[number] = old
                del left[sha256][old]
    return found


def _added(session: Session, job_id: str) -> list[Named]:
    if not session.scalar(select(exists().where(File.state == "missing"))):
        return []
    old = aliased(File)
    statement = (
        select(File.id, File.sha256, File.name)
        .join(JobFile, JobFile.file_id == File.id)
        .join(Job, Job.id == JobFile.job_id)
        .where(Job.id == job_id, File.state == "done", File.created_us >= Job.created_us)
        .where(exists().where(old.sha256 == File.sha256, old.state.not_in(_THERE)))
    )
    return [(number, sha256 or "", name) for number, sha256, name in session.execute(statement.order_by(File.id))]


def _missing(session: Session, digests: Iterable[str]) -> Iterator[Named]:
    for some in batches(sorted(digests)):
        statement = select(File.id, File.sha256, File.name).where(File.sha256.in_(some), File.state.not_in(_THERE))
        yield from ((number, sha256 or "", name) for number, sha256, name in session.execute(statement))


def _carry(pairs: Sequence[tuple[int, int]], session: Session) -> None:
    numbers = sorted({number for both in pairs for number in both})
    files = {file.id: file for file in session.scalars(select(File).where(File.id.in_(numbers)).with_for_update())}
    there, words = tags.of_files(session, numbers), _of_people(session, [old for _, old in pairs])
    changes = [
        one
        for new, old in pairs
        if new in files and old in files
        for one in _changes(files[new], files[old], there[new], words.get(old, []))
    ]
    audit.change(session, "moved", changes)


def _changes(new: File, old: File, there: Sequence[str], words: Sequence[str]) -> Iterator[Change]:
    if old.review and not new.review:
        yield Change(new.id, "review", new.review, old.review)
    if old.chosen and not new.chosen:
        yield Change(new.id, "taken", audit.date_json(new), audit.date_json(old))
    if words:
        yield Change(new.id, "tags", list(there), tags.ordered([*there, *words]))


def _of_people(session: Session, ids: Sequence[int]) -> Mapping[int, list[str]]:
    """Tags that somebody has given; those of folders and of the files themselves are found anew."""
    found: dict[int, list[str]] = defaultdict(list)
    statement = select(FileTag.file_id, Tag.name).join(Tag, Tag.id == FileTag.tag_id)
    for number, name in session.execute(statement.where(FileTag.file_id.in_(ids), FileTag.origin == "user")):
        found[number].append(name)
    return found
