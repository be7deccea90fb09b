"""The third stage of an import: which files are like which. Looks at the new ones, and all that may be like them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import UNDATED, Duplicate, File, JobFile
from mediabridge.sidecar.library import companions, groups, jobs
from mediabridge.sidecar.library.companions import Pair
from mediabridge.sidecar.library.duplicates import Group, PerceptualHash, Picture, find_groups
from mediabridge.sidecar.library.duplicates import companions as find_companions
from mediabridge.sidecar.library.groups import Member
from mediabridge.sidecar.library.intake import batches
from mediabridge.sidecar.library.moments import clock_of

from .hashes import Hashes

_SEARCHED = 256  # between two looks whether to stop
_RANGES = 100  # of names in one statement
GROUPED = "grouped"  # the mark of a job whose files were compared
_UNREAD = ("failed", "missing")
_SURE = frozenset({"high", "medium"})
_NOT_RAW = frozenset({"image/x-icon", "image/x-portable-anymap"})


@dataclass(frozen=True, slots=True)
class Grouper:
    """Finds and saves the groups that the files of one job are in, and what belongs to them."""

    door: Door
    job_id: str
    hashes: Hashes

    def run(self, check: Callable[[], None]) -> int:
        """Says in how many groups the job's files are. `check` may raise to stop; nothing is half saved.

        Files of imports that ended before they came so far are looked at as well.
        """
        new = set(self.door.read(self._new_files))
        lost = self.door.read(lambda session: set(_lost(session)))
        if not new and not lost:
            return 0
        index = self.hashes.index(self.door, check)
        touched = new | self.door.read(lambda session: set(_alike(session, new)))
        hashes = self.door.read(lambda session: _hashes(session, new))
        for number, hashed in enumerate(hashes.values()):
            if number % _SEARCHED == 0:
                check()
            touched |= {hit.id for hit in index.search(hashed)}
        touched |= self.door.read(lambda session: set(_in_their_groups(session, touched | lost)))
        pictures = self.door.read(lambda session: _pictures(session, touched))
        check()
        found = find_groups(pictures, index)
        together = self._together(new, pictures)
        alone = touched - {member.id for group in found for member in group.members}

        def save(session: Session) -> None:
            groups.save(session, [_members(group) for group in found], alone)
            companions.save(session, together, touched)
            jobs.mark(session, self._open(session), GROUPED)

        self.door.write(save)
        return sum(1 for group in found if any(member.id in new for member in group.members))

    def _together(self, new: Collection[int], pictures: Sequence[Picture]) -> list[Pair]:
        """Companions of the new files: among what is like them, and what has their names in their folders."""
        known = {picture.id for picture in pictures}
        names = self.door.read(lambda session: set(_namesakes(session, new))) - known
        everybody = [*pictures, *self.door.read(lambda session: _pictures(session, names))]
        found = find_companions(everybody)
        return [Pair(it.ids[0], it.ids[1], it.kind, it.certainty, it.reasons) for it in found]

    def _new_files(self, session: Session) -> list[int]:
        found: dict[int, None] = {}
        for job_id in self._open(session):
            statement = select(File.id, JobFile.outcome).join(File, File.id == JobFile.file_id)
            rows = session.execute(statement.where(JobFile.job_id == job_id, File.state == "done"))
            found |= dict.fromkeys(number for number, outcome in rows if outcome and outcome.get("imported"))
        return list(found)

    def _open(self, session: Session) -> list[str]:
        """This job, and imports that were cancelled or failed before their files were grouped."""
        return [self.job_id, *(one for one in jobs.unmarked(session, "import", GROUPED) if one != self.job_id)]


def _lost(session: Session) -> Iterator[int]:
    """Files in groups that are nobody's duplicate as long as there is nothing to be read."""
    grouped = select(Duplicate.file_id).join(File, File.id == Duplicate.file_id)
    yield from session.scalars(grouped.where(File.state.in_(_UNREAD)))


def _hashes(session: Session, ids: Iterable[int]) -> dict[int, PerceptualHash | None]:
    found: dict[int, PerceptualHash | None] = {}
    for batch in batches(sorted(ids)):
        rows = session.execute(select(File.id, File.perceptual).where(File.id.in_(batch)))
        found |= {number: PerceptualHash.from_bytes(data) for number, data in rows if data}
    return found


def _alike(session: Session, ids: Collection[int]) -> Iterator[int]:
    """Files with the same bytes, and of the same moment, as these."""
    for batch in batches(sorted(ids)):
        rows = session.execute(select(File.sha256, File.taken_us).where(File.id.in_(batch))).all()
        digests = sorted({digest for digest, _ in rows if digest})
        moments = sorted({moment for _, moment in rows if moment != UNDATED})
        for some in batches(digests):
            yield from session.scalars(select(File.id).where(File.sha256.in_(some), File.state == "done"))
        for some in batches(moments):
            yield from session.scalars(select(File.id).where(File.taken_us.in_(some), File.state == "done"))


def _in_their_groups(session: Session, ids: Collection[int]) -> Iterator[int]:
    """All who share a group with these now: the groups are made anew as a whole."""
    for batch in batches(sorted(ids)):
        theirs = select(Duplicate.group_id).where(Duplicate.file_id.in_(batch))
        yield from session.scalars(select(Duplicate.file_id).where(Duplicate.group_id.in_(theirs)))


def _namesakes(session: Session, ids: Collection[int]) -> Iterator[int]:
    """Files with other extensions that are called like these, wherever they lie."""
    for batch in batches(sorted(ids), _RANGES):
        stems = {name.rpartition(".")[0] for name in session.scalars(select(File.folded).where(File.id.in_(batch)))}
        # All names that begin with `stem.`: `/` is the next character behind the dot, and in no name.
        ranges = [and_(File.folded >= f"{stem}.", File.folded < f"{stem}/") for stem in stems if stem]
        if ranges:
            yield from session.scalars(select(File.id).where(or_(*ranges), File.state == "done"))


def _pictures(session: Session, ids: Collection[int]) -> list[Picture]:
    found = []
    for batch in batches(sorted(ids)):
        statement = select(File).where(File.id.in_(batch), File.state == "done", File.sha256.is_not(None))
        for row in session.scalars(statement):
            found.append(_picture(row))
            session.expunge(row)
    return found


def _picture(row: File) -> Picture:
    details: dict[str, Any] = row.details or {}
    taken: dict[str, Any] = row.taken or {}
    known = row.taken_us != UNDATED and row.confidence in _SURE and taken.get("precision") == "second"
    known = known and taken.get("ofCamera") is True  # a name's or a program's time says nothing of a series
    path = os.fsdecode(row.path) if row.path is not None else ""
    return Picture(
        id=row.id,
        sha256=row.sha256 or "",
        size=row.size,
        kind=_kind(row.kind, row.mime_type or ""),
        hash=PerceptualHash.from_bytes(row.perceptual) if row.perceptual else None,
        width=row.width or 0,
        height=row.height or 0,
        duration_s=row.duration_s,
        moment=clock_of(row.taken_us) if known else None,
        original_tags=details.get("originalTags", 0),
        camera=details.get("camera"),
        burst_id=details.get("burstId"),
        content_id=details.get("contentId"),
        folder=os.path.dirname(path),  # noqa: PTH120  bytes that are no text stay what they are
        name=row.name,
    )


def _kind(kind: str, mime_type: str) -> Literal["picture", "raw", "video"]:
    if kind == "video":
        return "video"
    return "raw" if mime_type.startswith("image/x-") and mime_type not in _NOT_RAW else "picture"


def _members(group: Group) -> list[Member]:
    relations = [member.relation for member in group.members if member.relation is not None]
    first = relations[0].kind
    return [
        Member(
            member.id,
            first if member.relation is None else member.relation.kind,
            1.0 if member.relation is None else member.relation.similarity,
            member.relation is None,
            member.reasons,
        )
        for member in group.members
    ]
