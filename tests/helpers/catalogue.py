"""A library to ask: files as an import would have left them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import File
from mediabridge.sidecar.library import intake, origin, tags
from mediabridge.sidecar.library.groups import Member, save
from mediabridge.sidecar.library.intake import Dated, Found, Seen

DAY_US = 86_400_000_000
YEAR_2024_US = 1_704_067_200_000_000


def seen(path: str, size: int = 10, mtime_ns: int = 1) -> Seen:
    return Seen(origin.of_path(Path(path)), size, mtime_ns)


def found(file_id: int, **fields: Any) -> Found:
    given: dict[str, Any] = {
        "sha256": f"{file_id:064x}",
        "mime_type": "image/jpeg",
        "kind": "photo",
        "dated": Dated(YEAR_2024_US + file_id * DAY_US, 60, "high", {"source": "EXIF:DateTimeOriginal"}),
    }
    return Found(file_id=file_id, **given | fields)


def put(session: Session, path: str, size: int = 10, **fields: Any) -> int:
    """One file, done."""
    (file_id,) = intake.register(session, [seen(path, size)]).values()
    intake.finish(session, [found(file_id, **fields)])
    return file_id


def group(session: Session, *ids: int, kind: str = "exact") -> int:
    """A group whose first file is the keeper."""
    save(session, [[Member(number, kind, 1.0, number == ids[0], ("larger",)) for number in ids]])
    return min(ids)


def _pair(first: int, kind: str) -> list[Member]:
    return [Member(first, kind, 0.9, True), Member(first + 1, kind, 0.9, False)]


def many(session: Session, count: int, seed: int = 1) -> None:
    """Files of every kind, with the same dates, names and sizes again and again."""
    chance = random.Random(seed)
    rows = [
        Seen(origin.of_path(Path(f"/p/{number}/{chance.choice(NAMES)}")), chance.choice([0, 5, 5, 9, 2**40]), number)
        for number in range(count)
    ]
    ids = sorted(intake.register(session, rows).values())
    dates = [Dated(None, None, "none"), *(Dated(YEAR_2024_US + day * DAY_US, None, "low") for day in range(-400, 9, 8))]
    done = [number for number in ids if chance.random() < 0.9]
    intake.finish(
        session,
        [found(number, kind=chance.choice(intake.KINDS), dated=chance.choice(dates)) for number in done],
    )
    intake.fail(session, {number: {"kind": "Broken", "message": "no"} for number in set(ids) - set(done) if number % 2})
    tags.add(
        session, {number: chance.sample(["Rome", "beach", "Äpfel"], chance.randint(0, 2)) for number in ids}, "user"
    )
    intake.lose(session, done[::20])
    save(session, [_pair(a, "burst" if a % 2 else "near") for a in ids[:-1:7]])
    for word in ("keep", "discard"):
        chosen = chance.sample(ids, count // 5)
        session.execute(update(File).where(File.id.in_(chosen)).values(review=word))


NAMES = ["IMG_1.jpg", "IMG_2.jpg", "img_2.JPG", "Straße.png", "a%b_c.jpg", "ÄÖ.heic", "\U0001f600.gif", "z.mov"]
