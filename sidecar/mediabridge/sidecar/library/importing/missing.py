"""Files that their folder does not have any more: they are marked, and stay in the library with all that is known."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import File, JobFile
from mediabridge.sidecar.library import intake

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class _Unseen:
    """A row below the folder of which the walk has seen no file."""

    id: int
    path: bytes
    state: str


def mark(door: Door, job_id: str, folder: str, check: Callable[[], object]) -> int:
    """Mark what was imported from below a folder, has no step in this job, and is not there; says how many they are.

    Call it when all that is there has its step. Of a folder that may not be looked into, nothing is known.
    """
    return _each(door, job_id, folder, check, lambda ids: door.write(lambda session: intake.lose(session, ids)))


def count(door: Door, job_id: str, folder: str, check: Callable[[], object]) -> int:
    """The same without a mark."""
    return _each(door, job_id, folder, check, lambda _: None)


def _each(
    door: Door, job_id: str, folder: str, check: Callable[[], object], lose: Callable[[Sequence[int]], None]
) -> int:
    below = os.fsencode(folder).rstrip(b"/") + b"/"
    after, found = 0, 0
    while page := door.read(lambda session, after=after: _page(session, job_id, below, after)):  # type: ignore[misc]
        check()
        after = page[-1].id
        gone = [one for one in page if _is_gone(one.path)]
        found += len(gone)
        if news := [one.id for one in gone if one.state != "missing"]:
            lose(news)
    return found


def _page(session: Session, job_id: str, below: bytes, after: int) -> list[_Unseen]:
    seen = exists().where(JobFile.job_id == job_id, JobFile.key == File.key)
    columns: tuple[Any, ...] = (File.id, File.path, File.state)
    where = (File.id > after, File.path >= below, File.path < below[:-1] + b"0", ~seen)  # `0` is next to `/`
    return [_Unseen(*row) for row in session.execute(select(*columns).where(*where).order_by(File.id).limit(_PAGE))]


def _is_gone(path: bytes) -> bool:
    try:
        return not stat.S_ISREG(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
