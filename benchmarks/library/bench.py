"""`make bench-library`: imports of 10,000 files made from the corpus, beside the extraction pool alone.

The first part reads sets of the same files with the pool alone and with the import's first stage, in turns; their ratio
is taken within each round. Options: --files, --set (files of a round), --rounds, --peers, --check (exit code 1 below a
bound). A million rows: `make bench-library-db`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from files import chunks, make
from peers import figures

from mediabridge.config import load
from mediabridge.sidecar.extraction.cli.files import LocalFile
from mediabridge.sidecar.extraction.many import ManyReader
from mediabridge.sidecar.imports import tools
from mediabridge.sidecar.library import groups, listing
from mediabridge.sidecar.library.importing.index import TOGETHER
from mediabridge.sidecar.library.importing.job import Tools, run_import
from mediabridge.sidecar.processing import build_processing

POOL_SHARE, SECOND = 0.85, 2000.0
_MB = 2**20


class Enough(BaseException):
    """Ends an import where it is."""


@dataclass
class Import:
    """One run: when each stage began."""

    payload: dict[str, Any]
    until: str = ""
    begun: float = field(default_factory=time.monotonic)
    stages: dict[str, float] = field(default_factory=dict)

    def report(self, *_: int) -> None: ...

    def check(self) -> None: ...

    def watch(self, stage: str, _done: int, _total: int) -> None:
        self.stages.setdefault(stage, time.monotonic() - self.begun)
        if stage == self.until:
            raise Enough


class Bench:
    """An instance of its own; `count` numbers its imports."""

    def __init__(self, folder: Path) -> None:
        places = {"INSTANCE_PATH": "instance", "CACHE_PATH": "cache", "FILE_STORAGE_PATH": "store"}
        settings, _ = load({**os.environ, **{name: str(folder / place) for name, place in places.items()}})
        self.parts = build_processing(settings)
        self.tools: Tools = tools(settings, self.parts)
        self.count = 0

    def run(self, path: Path, until: str = "") -> tuple[Import, float, dict[str, int]]:
        """The run, its seconds, its counts."""
        self.count += 1
        run, counts = Import({"path": str(path)}, until), {}
        with contextlib.suppress(Enough):
            counts = run_import(self.tools, f"bench-{self.count}", run, run.watch)
        return run, time.monotonic() - run.begun, counts

    def catalogued(self, path: Path) -> float:
        """Seconds until every file is hashed, read and in the database."""
        run, _, _ = self.run(path, until="pictures")
        return run.stages["pictures"]

    def pool_alone(self, paths: list[Path]) -> float:
        """Seconds for ExifTool's processes to read them, with the threads of an import, started as there."""
        begun = time.monotonic()
        with self.tools.engine() as engine:
            reader = ManyReader(engine, self.tools.timeout_s)
            with ThreadPoolExecutor(self.tools.readers) as threads:
                for _ in threads.map(lambda some: reader.read([LocalFile(str(one), one) for one in some]),
                                     chunks(paths, TOGETHER)):  # fmt: skip
                    pass
            return time.monotonic() - begun


class Memory:
    """The largest memory of this process and all its children, shared pages counted once."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._end.wait(0.5):
            total = 0
            for one in (me, *me.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += one.memory_full_info().pss
            self.peak_mb = max(self.peak_mb, total / _MB)


def beside_the_pool(folder: Path, size: int, rounds: int) -> Iterator[tuple[str, str, bool | None]]:
    bench = Bench(folder / "first")
    ratios, pools, imports = [], [], []
    for number in range(rounds):
        paths = make(folder / f"set-{number}", size)
        both = [lambda paths=paths: bench.pool_alone(paths), lambda at=folder / f"set-{number}": bench.catalogued(at)]
        if number % 2:
            second, first = both[1](), both[0]()
        else:
            first, second = both[0](), both[1]()
        pools.append(size / first)
        imports.append(size / second)
        ratios.append(first / second)
        shutil.rmtree(folder / f"set-{number}")
    bench.parts.close_processing()
    share = statistics.median(ratios)
    yield "extraction pool alone", f"{statistics.median(pools):.0f} files/s", None
    yield "import, catalogued", f"{statistics.median(imports):.0f} files/s", None
    rounds_told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    yield "import / pool (≥ 0.85)", f"{share:.2f} (rounds: {rounds_told})", share >= POOL_SHARE


def whole(folder: Path, count: int, with_peers: bool) -> Iterator[tuple[str, str, bool | None]]:
    photos = folder / "photos"
    make(photos, count)
    bench = Bench(folder / "second")
    with Memory() as memory:
        run, seconds, counts = bench.run(photos)
    yield f"{count} files, cold: catalogued", f"{count / run.stages['pictures']:.1f} files/s", None
    yield "with thumbnail, preview, hash, groups", f"{count / seconds:.1f} files/s", None
    yield "of which looking for duplicates", f"{seconds - run.stages['duplicates']:.1f} s", None
    yield "failed; groups of duplicates", f"{counts['failed']}; {counts['groups']}", None
    yield "memory, all processes", f"{memory.peak_mb:.0f} MB", None
    _, seconds, counts = bench.run(photos)
    rate = counts["done"] / seconds
    yield "second import of the same folder (≥ 2,000)", f"{rate:.0f} files/s", rate >= SECOND
    make(folder / "one", 1)
    _, seconds, _ = bench.run(folder / "one")
    yield "one more file, with the search for its duplicates", f"{seconds * 1000:.0f} ms", None
    door = bench.parts.library
    for name, ask in (
        ("first page of duplicates", groups.page),
        ("first page of files", lambda session: listing.page(session, listing.Filters(), "-taken", None, 100)),
    ):
        times = []
        for _ in range(15):
            begun = time.monotonic()
            door.read(ask)
            times.append(time.monotonic() - begun)
        yield name, f"{statistics.median(times) * 1000:.1f} ms", None
    bench.parts.close_processing()
    if with_peers:
        for name, told in figures(photos, count, folder):
            yield name, told, None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--set", type=int, default=1000, dest="size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-peers", action="store_false", dest="peers")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    held = True
    with tempfile.TemporaryDirectory(prefix="bench-library-") as name:
        print(
            f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}\n\n| | |\n| --- | --- |", flush=True
        )
        parts = [beside_the_pool(Path(name), options.size, options.rounds)] if options.rounds else []
        parts += [whole(Path(name), options.files, options.peers)] if options.files else []
        for part in parts:
            for what, figure, ok in part:
                held &= ok is not False
                print(f"| {what} | {figure}{'' if ok is None else ' – ok' if ok else ' – MISS'} |", flush=True)
    sys.exit(0 if held or not options.check else 1)


if __name__ == "__main__":
    main()
