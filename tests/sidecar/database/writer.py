"""A process that imports: each file in a transaction of its own, with its step, its tags and its group.

`writer.py URL NAME COUNT`: prints the number of each file once it is committed; COUNT 0 = until it is killed.
"""

from __future__ import annotations

import itertools
import sys
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from mediabridge.sidecar.database import Door
from mediabridge.sidecar.library import intake, jobs, origin, steps, tags
from mediabridge.sidecar.library.groups import Member, save
from mediabridge.sidecar.library.intake import Dated, Found, Seen
from mediabridge.sidecar.library.steps import Done, Step


def one(session: Session, name: str, number: int, before: int) -> int:
    """All of a file or nothing; gives its number. Two of three are like the one `before`."""
    place = origin.of_path(Path(f"/{name}/{number}.jpg"))
    (file_id,) = intake.register(session, [Seen(place, 1, 1)]).values()
    steps.add(session, name, [Step(place.key, file_id)])
    dated = Dated(number * 1_000_000, None, "low")
    sha256 = f"{number // 3:064x}"
    intake.finish(session, [Found(file_id=file_id, sha256=sha256, mime_type="image/jpeg", kind="photo", dated=dated)])
    tags.add(session, {file_id: [name, "all"]}, "file")
    if number % 3:
        save(session, [[Member(before, "exact", 1.0, True), Member(file_id, "exact", 1.0, False)]])
    steps.finish(session, name, [Done(place.key)])
    return file_id


def main(url: str, name: str, count: int) -> None:
    door = Door(url)
    door.write(lambda session: jobs.begin(session, name, "import", {}))
    before = 0
    for number in itertools.islice(itertools.count(), count or None):
        before = door.write(partial(one, name=name, number=number, before=before))
        print(number, flush=True)
    door.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
