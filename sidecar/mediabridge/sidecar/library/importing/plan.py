"""What an import has to do: a step for each file, of which those that are known already are done at once.

A plan that was cut short is made again: steps and files that are there stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import Job
from mediabridge.sidecar.library import intake, jobs, steps
from mediabridge.sidecar.library.intake import Known, Seen
from mediabridge.sidecar.library.origin import of_path, of_upload
from mediabridge.sidecar.library.steps import Done, Step

from . import missing, types
from .walk import Entry, Listing, Problem, walk

_PLANNED = "planned"
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
    for listing in _batches(walk(folder)):
        _add_entries(door, job_id, listing.files)
        _add_problems(door, job_id, listing.problems)
        looked += len(listing.files)
        tell(looked)
    _settle(door, job_id, _missed(door, job_id, folder, looked, tell))


def _missed(door: Door, job_id: str, folder: str, looked: int, tell: Tell) -> dict[str, int]:
    """What the library knows below the folder, and the walk has not met.

    Of a folder that holds nothing at all, it is more likely that its disk is not mounted: that is told, and nothing
    marked.
    """
    if os.path.isfile(folder):  # noqa: PTH113  it alone is imported
        return {}
    if _is_bare(folder):
        return {"unmounted": missing.count(door, job_id, folder, lambda: tell(looked))}
    return {"missing": missing.mark(door, job_id, folder, lambda: tell(looked))}


def _is_bare(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True


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
        added = [Step(one.origin.key, ids[one.origin.key], outcome={"contentHash": seen[one]}) for one in news]
        steps.add(session, job_id, added)

    door.write(add)
    tell(len(seen))
    _settle(door, job_id)


def is_planned(door: Door, job_id: str) -> bool:
    """Whether all steps of the job are there."""
    options: Any = door.read(lambda session: session.scalar(select(Job.options).where(Job.id == job_id)))
    return bool(options and options.get(_PLANNED))


def legible(path: str) -> str:
    """A path for people: what is no text becomes U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _settle(door: Door, job_id: str, told: Mapping[str, int] = MappingProxyType({})) -> None:
    door.write(lambda session: jobs.note(session, job_id, {_PLANNED: True, **told}))


def _add_entries(door: Door, job_id: str, files: Sequence[Entry]) -> None:
    seen = [Seen(of_path(Path(entry.path)), entry.size, entry.mtime_ns) for entry in files]
    known = door.read(lambda session: intake.known(session, seen))
    news: list[Seen] = []
    others: list[Step] = []
    problems: dict[Seen, OSError] = {}
    for one, entry in zip(seen, files, strict=True):
        if _unchanged(known, one):
            others.append(_known(one, known))
            continue
        try:
            taken = types.judge(entry.path, entry.size) is not None
        except OSError as problem:
            problems[one] = problem
            continue
        if taken:
            news.append(one)
        else:
            others.append(Step(one.origin.key, state="done", outcome={"skipped": "no picture and no video"}))

    def add(session: Session) -> None:
        intake.find_again(session, sorted(it.id for it in known.values() if it.back))
        ids = intake.register(session, [*news, *problems])
        steps.add(session, job_id, [Step(one.origin.key, ids[one.origin.key]) for one in [*news, *problems]])
        steps.add(session, job_id, others)
        told = {one.origin.key: _error(problem) for one, problem in problems.items()}
        steps.finish(session, job_id, [Done(key, error) for key, error in told.items()])
        intake.fail(session, {ids[key]: error for key, error in told.items()})

    door.write(add)


def _add_problems(door: Door, job_id: str, problems: Sequence[Problem]) -> None:
    """What cannot be listed is a step that failed: nobody shall think that it was empty."""
    if not problems:
        return
    keys = {of_path(Path(one.path)).key: one for one in problems}

    def add(session: Session) -> None:
        steps.add(session, job_id, [Step(key) for key in keys])
        ends = [Done(key, _error(one.error), {"name": legible(one.path)}) for key, one in keys.items()]
        steps.finish(session, job_id, ends)

    door.write(add)


def _error(problem: OSError) -> dict[str, str]:
    return {"kind": "unreadable_file", "message": f"It cannot be read: {problem.strerror or problem}."}


def _unchanged(known: Mapping[bytes, Known], one: Seen) -> bool:
    found = known.get(one.origin.key)
    return found is not None and found.unchanged


def _known(one: Seen, known: Mapping[bytes, Known]) -> Step:
    """Nothing is to be done, but for the pictures where an import was cut short before it made them.

    What is back is looked at with the new files: it has left its group.
    """
    found = known[one.origin.key]
    outcome = {"unchanged": True, **({"imported": True} if found.back else {})}
    return Step(one.origin.key, found.id, "done" if found.pictured else "pending", outcome)


def _seen(upload: Upload) -> Seen:
    return Seen(of_upload(upload.content_hash, upload.name), upload.size, 0)


def _batches(listings: Iterable[Listing]) -> Iterator[Listing]:
    """Folders put together or taken apart: about as many files at once as one statement takes."""
    files: list[Entry] = []
    problems: list[Problem] = []
    for listing in listings:
        rest = iter(listing.files)
        problems += listing.problems
        while part := list(islice(rest, intake.BATCH - len(files))):
            files += part
            if len(files) >= intake.BATCH:
                yield Listing(tuple(files), tuple(problems))
                files, problems = [], []
    if files or problems:
        yield Listing(tuple(files), tuple(problems))
