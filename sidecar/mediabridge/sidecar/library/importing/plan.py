"""What an import has to do: a step for each file, of which those that are known already are done at once.

A plan that was cut short is made again: steps and files that are there stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import Job
from mediabridge.sidecar.library import intake, steps
from mediabridge.sidecar.library.intake import Seen
from mediabridge.sidecar.library.origin import Origin, of_path, of_upload
from mediabridge.sidecar.library.steps import Done, Step

from . import types
from .walk import Entry, Listing, walk

_TABLE = cast("Table", Job.__table__)
Tell = Callable[[int], None]  # gets how many files were looked at; may raise to stop


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in the content store, under the name that its sender gave it."""

    content_hash: str
    name: str
    size: int


def plan_folder(door: Door, job_id: str, folder: str, tell: Tell) -> None:
    """Add a step for each file below a folder, unless the plan is complete already."""
    if is_planned(door, job_id):
        return
    looked = 0
    for listings in _batches(walk(folder)):
        files = [entry for listing in listings for entry in listing.files]
        _add_entries(door, job_id, files)
        _add_problems(door, job_id, [listing for listing in listings if listing.problem is not None])
        looked += len(files)
        tell(looked)
    _settle(door, job_id)


def plan_uploads(door: Door, job_id: str, uploads: Sequence[Upload], tell: Tell) -> None:
    """Add a step for each upload, unless the plan is complete already."""
    if is_planned(door, job_id):
        return
    seen = {_seen(upload): upload.content_hash for upload in uploads}
    known = door.read(lambda session: intake.known(session, seen))
    news = [one for one in seen if not _unchanged(known, one)]

    def add(session: Session) -> None:
        ids = intake.register(session, news)
        steps.add(session, job_id, [_known(one, known) for one in seen if _unchanged(known, one)])
        steps.add(
            session,
            job_id,
            [Step(one.origin.key, ids[one.origin.key], outcome={"contentHash": seen[one]}) for one in news],
        )

    door.write(add)
    tell(len(seen))
    _settle(door, job_id)


def is_planned(door: Door, job_id: str) -> bool:
    """Whether all steps of the job are there."""
    options: Any = door.read(lambda session: session.scalar(select(Job.options).where(Job.id == job_id)))
    return bool(options and options.get("planned"))


def _settle(door: Door, job_id: str) -> None:
    def settle(session: Session) -> None:
        options: Any = session.scalar(select(Job.options).where(Job.id == job_id))
        session.execute(update(_TABLE).where(_TABLE.c.id == job_id).values(options={**options, "planned": True}))

    door.write(settle)


def _add_entries(door: Door, job_id: str, files: Sequence[Entry]) -> None:
    seen = [Seen(of_path(Path(entry.path)), entry.size, entry.mtime_ns) for entry in files]
    paths = {one.origin.key: entry for one, entry in zip(seen, files, strict=True)}
    known = door.read(lambda session: intake.known(session, seen))
    news, others, problems = [], [], []
    for one in seen:
        if _unchanged(known, one):
            others.append(_known(one, known))
            continue
        entry = paths[one.origin.key]
        try:
            taken = types.judge(entry.path, entry.size) is not None
        except OSError as problem:
            problems.append((one, problem))
            continue
        if taken:
            news.append(one)
        else:
            others.append(Step(one.origin.key, state="done", outcome={"skipped": "no picture and no video"}))

    def add(session: Session) -> None:
        ids = intake.register(session, [*news, *(one for one, _ in problems)])
        steps.add(session, job_id, [Step(one.origin.key, ids[one.origin.key]) for one in news])
        steps.add(session, job_id, others)
        _fail(session, job_id, {one.origin: (ids[one.origin.key], problem) for one, problem in problems})

    door.write(add)


def _add_problems(door: Door, job_id: str, listings: Sequence[Listing]) -> None:
    """A folder that cannot be listed is a step that failed: nobody shall think that it was empty."""
    if not listings:
        return

    def add(session: Session) -> None:
        told = {of_path(Path(one.folder)): (None, one.problem) for one in listings if one.problem is not None}
        _fail(session, job_id, told)

    door.write(add)


def _fail(session: Session, job_id: str, problems: Mapping[Origin, tuple[int | None, OSError]]) -> None:
    told = {origin: _error(problem) for origin, (_, problem) in problems.items()}
    steps.add(session, job_id, [Step(origin.key, file_id) for origin, (file_id, _) in problems.items()])
    steps.finish(
        session, job_id, [Done(origin.key, told[origin], outcome={"name": origin.name}) for origin in problems]
    )
    intake.fail(session, {number: told[origin] for origin, (number, _) in problems.items() if number is not None})


def _error(problem: OSError) -> dict[str, str]:
    return {"kind": type(problem).__name__, "message": f"It cannot be read: {problem.strerror or problem}."}


def _unchanged(known: dict[bytes, intake.Known], one: Seen) -> bool:
    found = known.get(one.origin.key)
    return found is not None and found.unchanged


def _known(one: Seen, known: dict[bytes, intake.Known]) -> Step:
    return Step(one.origin.key, known[one.origin.key].id, "done", {"unchanged": True})


def _seen(upload: Upload) -> Seen:
    return Seen(of_upload(upload.content_hash, upload.name), upload.size, 0)


def _batches(listings: Iterable[Listing]) -> Iterator[list[Listing]]:
    """Listings with about as many files together as one statement takes."""
    batch: list[Listing] = []
    files = 0
    for listing in listings:
        for part in _parts(listing):
            batch.append(part)
            files += len(part.files)
            if files >= intake.BATCH:
                yield batch
                batch, files = [], 0
    if batch:
        yield batch


def _parts(listing: Listing) -> Iterator[Listing]:
    if len(listing.files) <= intake.BATCH:
        yield listing
        return
    files = iter(listing.files)
    while part := tuple(islice(files, intake.BATCH)):
        yield Listing(listing.folder, part)


def shown(path: bytes) -> str:
    """A path for people: what is no text becomes U+FFFD."""
    return os.fsdecode(path).encode("utf-8", "replace").decode("utf-8", "replace")
