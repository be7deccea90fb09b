"""Words for files: as people type them, from folder names, from a file's own keywords."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import File, FileTag, Tag
from mediabridge.sidecar.database.portable import insert

from . import folders
from .intake import batches
from .origin import fold, harmful

Origin = Literal["user", "folder", "file"]
LONGEST = 100  # characters
MOST = 100  # of a file, by a person
_BATCH = 1000


def proper(name: str) -> str:
    """A tag as it is kept. Raises `ValueError` in a person's words."""
    clean = " ".join(unicodedata.normalize("NFC", name).split())
    if not clean:
        msg = "a tag is empty"
        raise ValueError(msg)
    if len(clean) > LONGEST:
        msg = f"a tag has more than {LONGEST} characters"
        raise ValueError(msg)
    if any(map(harmful, clean)):
        msg = "a tag holds control characters"
        raise ValueError(msg)
    return clean


def ordered(names: Iterable[str]) -> list[str]:
    """Proper tags as `of_files` gives them; of those that differ in case alone the first. Raises `ValueError`."""
    first = _first(names)
    return [first[folded] for folded in sorted(first)]


def of_files(session: Session, file_ids: Sequence[int]) -> dict[int, list[str]]:
    """The tags of each file, sorted; every number is there."""
    found: dict[int, list[str]] = {file_id: [] for file_id in file_ids}
    for batch in batches(list(file_ids)):
        statement = select(FileTag.file_id, Tag.name).join(Tag, Tag.id == FileTag.tag_id)
        rows = session.execute(statement.where(FileTag.file_id.in_(batch)).order_by(Tag.folded))
        for file_id, name in rows:
            found[file_id].append(name)
    return found


def counted(session: Session) -> list[tuple[str, int]]:
    """All tags that a file has, with how many have them, sorted by name."""
    counts = select(FileTag.tag_id, func.count().label("files")).group_by(FileTag.tag_id).subquery()
    statement = select(Tag.name, counts.c.files).join(counts, counts.c.tag_id == Tag.id).order_by(Tag.folded)
    return list(session.execute(statement))


def add(session: Session, tags: Mapping[int, Collection[str]], origin: Origin) -> int:
    """Give files tags, by the files' numbers; says how many are new. Raises `ValueError` for what is no tag."""
    words = {file_id: _first(names) for file_id, names in tags.items()}
    ids = _ids(session, _first(name for names in words.values() for name in names.values()))
    rows = [
        {"file_id": file_id, "tag_id": ids[folded], "origin": origin}
        for file_id, names in words.items()
        for folded in names
    ]
    new = 0
    for batch in batches(rows):
        statement = insert(session, FileTag).on_conflict_do_nothing(index_elements=["file_id", "tag_id"])
        new += len(session.execute(statement.returning(FileTag.tag_id), batch).all())
    return new


def replace(session: Session, file_id: int, names: Iterable[str]) -> None:
    """Give a file these tags and no others; what it had already keeps its origin. Raises `ValueError`."""
    wanted = list(names)
    add(session, {file_id: wanted}, "user")
    folded = {fold(proper(name)) for name in wanted}
    others = select(Tag.id).where(Tag.folded.not_in(sorted(folded)))
    session.execute(delete(FileTag).where(FileTag.file_id == file_id, FileTag.tag_id.in_(others)))


def from_folders(
    session: Session, root: bytes, ignored: Collection[str], after: int = 0, limit: int = _BATCH
) -> tuple[int, int | None]:
    """Give files below a folder the names of the folders that they lie in, up to `root`.

    `limit` files behind the one with the number `after`; says how many tags are new, and the last file's number, None
    at the end.
    """
    statement = select(File.id, File.path).where(File.id > after, File.path.is_not(None)).order_by(File.id)
    rows = session.execute(statement.limit(limit)).all()
    words = {file_id: folders.words(path, root, ignored) for file_id, path in rows if path is not None}
    new = add(session, {file_id: names for file_id, names in words.items() if names}, "folder")
    return new, rows[-1][0] if len(rows) == limit else None


def _first(names: Iterable[str]) -> dict[str, str]:
    first: dict[str, str] = {}
    for name in map(proper, names):
        first.setdefault(fold(name), name)
    return first


def _ids(session: Session, names: Mapping[str, str]) -> dict[str, int]:
    """The numbers of tags by what they are folded to; those that are new are made."""
    rows = [{"name": names[folded], "folded": folded} for folded in sorted(names)]  # sorted: nobody waits in a circle
    found: dict[str, int] = {}
    for batch in batches(rows):
        session.execute(insert(session, Tag).on_conflict_do_nothing(index_elements=["folded"]), batch)
        wanted = [row["folded"] for row in batch]
        found |= dict(session.execute(select(Tag.folded, Tag.id).where(Tag.folded.in_(wanted))).all())
    return found
