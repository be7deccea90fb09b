"""Two sidecars and an import write to one library at once; 1 when a client was refused, or the database is not whole.

`make campaign-library-db`, or `python benchmarks/campaign_library_db.py [--seconds N] [--url postgresql://...]`.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import http.client
import itertools
import json
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from mediabridge.sidecar.database import Door, url_of
from mediabridge.sidecar.database.models import Decision, File, Job
from mediabridge.sidecar.library import intake, jobs, origin, steps
from mediabridge.sidecar.library.groups import Member, save
from mediabridge.sidecar.library.intake import Dated, Found, Seen
from mediabridge.sidecar.library.steps import Done, Step

CLIENTS = 8
BATCH = 500  # files of a transaction of the import
OURS = 200  # files that clients decide about
READS = ("files?limit=50", "files?tag=red&limit=50", "timeline", "duplicates?limit=20", "tags", "decisions?limit=20")


def batch(session: Session, job: str, first: int) -> list[int]:
    """What an import writes of some files, in one transaction."""
    seen = [Seen(origin.of_path(Path(f"/{job}/{number}.jpg")), 1, 1) for number in range(first, first + BATCH)]
    ids = intake.register(session, seen)
    steps.add(session, job, [Step(key, number) for key, number in ids.items()])
    dated = Dated(1_700_000_000_000_000 + first * 1_000_000, None, "low")
    found = [
        Found(file_id=number, sha256=f"{number:064x}", mime_type="image/jpeg", kind="photo", dated=dated)
        for number in ids.values()
    ]
    intake.finish(session, found)
    pairs = zip(*[iter(sorted(ids.values()))] * 2, strict=True)
    save(
        session, [[Member(a, "near", 0.9, True), Member(b, "near", 0.9, False)] for a, b in itertools.islice(pairs, 20)]
    )
    steps.finish(session, job, [Done(key) for key in ids])
    return list(ids.values())


def work(url: str, until: float) -> None:
    """The worker: one batch after the other, without a pause."""
    door = Door(url)
    door.write(lambda session: jobs.begin(session, "work", "import", {}))
    for first in itertools.count(OURS, BATCH):
        if time.time() > until:
            return
        door.write(lambda session, first=first: batch(session, "work", first))


def client(port: int, seed: int, until: float, told: collections.Counter[str], took: dict[str, list[float]]) -> None:
    """Every second request writes."""
    chance = random.Random(seed)
    while time.time() < until:
        number = chance.randint(1, OURS)
        kind = chance.randrange(4)
        sent = ("GET", chance.choice(READS), None)
        if kind == 0:
            sent = ("PUT", f"files/{number}/tags", {"tags": chance.sample(["red", "green", "blue"], 2)})
        elif kind == 1:
            sent = ("POST", f"files/{number}/decision", {"decision": chance.choice(["keep", "discard", "undecided"])})
        method, path, body = sent
        start = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, f"/api/library/{path}", None if body is None else json.dumps(body))
        with connection.getresponse() as response:
            answer = response.read()
        connection.close()
        took["reads" if method == "GET" else "writes"].append((time.perf_counter() - start) * 1000)
        told[str(response.status) if response.status < 400 else f"{response.status} {answer[:200]!r}"] += 1


@contextlib.contextmanager
def sidecar(folder: Path, url: str) -> Iterator[int]:
    """A sidecar of its own; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    env = {**os.environ, "FLASK_PORT": str(port), "INSTANCE_PATH": str(folder), "FLASK_ENV": "production"}
    env |= {"CACHE_PATH": str(folder / "cache"), "FILE_STORAGE_PATH": str(folder / "files"), "DATABASE_URL": url}
    process = subprocess.Popen([sys.executable, "-m", "mediabridge.sidecar"], env=env, cwd=folder)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):  # the first request of each loads the library
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/library/files?limit=1").close()
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--url", help="an empty database; else an SQLite file of its own")
    options = parser.parse_args()
    told: collections.Counter[str] = collections.Counter()
    took: dict[str, list[float]] = {"reads": [], "writes": []}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        url = url_of(options.url, Path(name))
        door = Door(url)
        door.write(lambda session: jobs.begin(session, "ours", "import", {}))
        door.write(lambda session: batch(session, "ours", 0))
        ports = [stack.enter_context(sidecar(Path(name), url)) for _ in range(2)]
        until = time.time() + options.seconds
        worker = multiprocessing.get_context("spawn").Process(target=work, args=(url, until))
        worker.start()
        clients = [
            threading.Thread(target=client, args=(ports[number % 2], number, until, told, took))
            for number in range(CLIENTS)
        ]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        worker.join()
        problems = [words for words in told if not words.isdigit()] + wrong(door)
        files, decisions = door.read(lambda session: [count(session, table) for table in (File, Decision)])
        print(f"{sum(told.values())} requests {dict(told)}, {files} files imported, {decisions} decisions")
        for kind, found in took.items():
            times = statistics.quantiles(found, n=100)
            print(f"{kind}: {times[49]:.0f} ms in the middle, {times[98]:.0f} at p99, {max(found):.0f} at most")
        print(problems or "no client was refused, the database is whole")
        door.close()
        return int(bool(problems or worker.exitcode))


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def wrong(door: Door) -> list[str]:
    """What is not as it should be."""

    def look(session: Session) -> list[str]:
        found = []
        if session.get_bind().dialect.name == "sqlite":
            found = [line for line in session.execute(text("PRAGMA integrity_check")).scalars() if line != "ok"]
        totals = [job.done for job in session.scalars(select(Job)) if job.done == job.total]
        return found if sum(totals) == count(session, File) else [*found, f"{totals} are not all files"]

    return door.read(look)


if __name__ == "__main__":
    sys.exit(main())
