"""The library's database with a million files: pages, filters, duplicates, timeline, a second import.

Run: make bench-library-db, or .venv/bin/python benchmarks/library_db.py --rows 100000 --url postgresql+psycopg://...
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
from sqlalchemy import text
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.library import groups, intake, jobs, listing, origin, steps, tags, timeline
from mediabridge.sidecar.library.cursor import Place
from mediabridge.sidecar.library.intake import Seen
from mediabridge.sidecar.library.listing import Filters
from mediabridge.sidecar.library.steps import Step

ROUNDS = 15
YEAR_US = 31_557_600_000_000
START_US = 1_262_304_000_000_000  # 2010
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
# The same row from its number in both databases; (i * 7919) % p walks about without repeating.
FILES = f"""
INSERT INTO files (id, key, path, name, folded, size, mtime_ns, state, sha256, mime_type, kind, width, height, taken_us,
  month, confidence, chosen, review, group_id, created_us, updated_us)
{NUMBERS}
SELECT i, {{key}}, {{path}}, 'IMG_' || i || '.jpg', 'img_' || i || '.jpg', (i * 7919) % 9999991, i,
  CASE WHEN i % 5000 = 0 THEN 'failed' ELSE 'done' END, {{sha256}}, 'image/jpeg',
  CASE WHEN i % 50 = 0 THEN 'video' ELSE 'photo' END, 4000, 3000,
  CASE WHEN i % 1000 = 0 THEN -4611686018427387904 ELSE {START_US} + ((i * 7919) % 999983) * 473040000 END,
  CASE WHEN i % 1000 = 0 THEN 0 ELSE 201001 + ((i * 7919) % 999983) / 66666 * 100 + (i % 12) END,
  'high', {{false}}, CASE WHEN i % 300 = 0 THEN 'discard' END, CASE WHEN i % 20 < 2 THEN i - i % 20 END, 0, 0
FROM n
"""
DUPLICATES = f"""
INSERT INTO duplicates (file_id, group_id, kind, similarity, keeper, reasons, settled)
{NUMBERS}
SELECT i, i - i % 20, 'near', 0.95, i % 20 = 0, '["larger"]', {{false}} FROM n WHERE i % 20 < 2 AND i >= 20
"""
TAGS = "INSERT INTO tags (id, name, folded) VALUES (1, 'Rare', 'rare'), (2, 'Often', 'often'), (3, 'Some', 'some')"
FILE_TAGS = f"""
INSERT INTO file_tags (file_id, tag_id, origin)
{NUMBERS} SELECT i, 1, 'user' FROM n WHERE i % 2000 = 7 UNION ALL SELECT i, 2, 'user' FROM n WHERE i % 3 = 0
UNION ALL SELECT i, 3, 'user' FROM n WHERE i % 60 = 1
"""
SPELLING = {
    "sqlite": {"key": "randomblob(16)", "path": "randomblob(60)", "sha256": "hex(randomblob(32))", "false": "0"},
    "postgresql": {
        "key": "decode(md5(i::text), 'hex')",
        "path": "decode(md5(i::text), 'hex')",
        "sha256": "md5(i::text) || md5(i::text)",
        "false": "false",
    },
}
ASKED = {
    "first page": (Filters(), "-taken"),
    "first page by name": (Filters(), "name"),
    "a year": (Filters(first_us=START_US, last_us=START_US + YEAR_US), "taken"),
    "videos (2 %)": (Filters(kinds=("video",)), "-taken"),
    "failed (0.02 %)": (Filters(states=("failed",)), "-taken"),
    "undated (0.1 %)": (Filters(dated=False), "-taken"),
    "discarded (0.3 %)": (Filters(review="discard"), "-taken"),
    "duplicates (10 %)": (Filters(duplicates=True), "-taken"),
    "tag of a third": (Filters(tags=("often",)), "-taken"),
    "tag of 1.7 %": (Filters(tags=("some",)), "-taken"),
    "tag of 0.05 %": (Filters(tags=("rare",)), "-taken"),
    "name, met often": (Filters(text="img_1"), "-taken"),
    "name, met once": (Filters(text="img_777777."), "-taken"),
    "video, tag, year": (Filters(kinds=("video",), tags=("often",), first_us=START_US + YEAR_US), "-taken"),
}


def fill(session: Session, rows: int) -> None:
    """All rows, made by the database itself."""
    dialect = session.get_bind().dialect.name
    if dialect == "sqlite":
        session.execute(text("PRAGMA cache_size=-600000"))  # of this connection, which is closed before we measure
    spelling = SPELLING[dialect]
    for statement in (FILES, DUPLICATES, TAGS, FILE_TAGS):
        sql = statement.format(**spelling)
        session.execute(text(sql), {"count": rows} if ":count" in sql else {})


def fill_all(url: str, rows: int) -> None:
    """In a process of its own, whose memory is not ours."""
    database = Database.open(url)
    database.write(partial(fill, rows=rows))
    if database.engine.dialect.name == "postgresql":  # what its autovacuum does in the minutes after an import
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in ("files", "tags"):
                connection.execute(text(f"SELECT setval('{table}_id_seq', max(id)) FROM {table}"))
            connection.execute(text("VACUUM ANALYZE"))
    database.close()


def show(what: str, action: Callable[[], object], rounds: int = ROUNDS) -> None:
    """Median and worst in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1000)
    print(f"{what:<26}{statistics.median(times):>10.2f} ms{max(times):>10.2f} ms at worst")


def pages(database: Database, rows: int) -> None:
    for what, (filters, order) in ASKED.items():
        show(what, partial(database.read, partial(listing.page, filters=filters, order=order)))
    middle = Place(START_US + 7 * YEAR_US, rows // 2)
    show("a page in the middle", partial(database.read, partial(listing.page, filters=Filters(), after=middle)))
    show("groups of duplicates", partial(database.read, groups.page))
    show("timeline", partial(database.read, partial(timeline.months, filters=Filters())), 5)
    show("timeline of videos", partial(database.read, partial(timeline.months, filters=Filters(kinds=("video",)))), 5)
    show("tags with counts", partial(database.read, tags.counted), 5)


def import_again(database: Database, files: int) -> None:
    """What a folder costs that has not changed: looked up by path, size and time, noted as done; no file is opened."""
    seen = [Seen(origin.of_path(Path(f"/photos/2024/{number}.jpg")), number, number) for number in range(files)]
    start = time.perf_counter()
    for batch in intake.batches(seen):
        numbers = database.write(partial(intake.register, seen=batch))
        found = [
            intake.Found(
                file_id=number,
                sha256=f"{number:064x}",
                mime_type="image/jpeg",
                kind="photo",
                dated=intake.Dated(START_US + number, None, "low"),
            )
            for number in numbers.values()
        ]
        database.write(partial(intake.finish, found=found))
    print(f"{'first import, database':<26}{files / (time.perf_counter() - start):>10.0f} files/s")
    database.write(lambda session: jobs.begin(session, "again", "import", {}))
    start = time.perf_counter()
    for batch in intake.batches(seen):
        known = database.read(partial(intake.known, seen=batch))
        todo = [Step(key, one.id, "done" if one.unchanged else "pending") for key, one in known.items()]
        database.write(partial(steps.add, job_id="again", steps=todo))
    print(f"{'second import, database':<26}{files / (time.perf_counter() - start):>10.0f} files/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--url", help="an empty database; else an SQLite file of its own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{folder}/library.db"
        start = time.perf_counter()
        filler = multiprocessing.get_context("spawn").Process(target=fill_all, args=(url, options.rows))
        filler.start()
        filler.join()
        if filler.exitcode:
            sys.exit(filler.exitcode)
        database = Database.open(url)
        before = psutil.Process().memory_info().rss
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
        print(f"{options.rows} files made in {time.perf_counter() - start:.0f} s, {size:.0f} MB on disk")
        pages(database, options.rows)
        import_again(database, 10_000)
        after = psutil.Process().memory_info().rss
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        print(f"memory: {before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after, {peak / 1e6:.0f} MB at most")
        database.close()


if __name__ == "__main__":
    main()
