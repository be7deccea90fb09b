"""`make bench-extract`: ours, ExifTool itself and a peer in one run, interleaved; a table and the ratios of the issue.

All read the same photos on the same cores. Ratios are taken within each round, and their median is shown: the machine's
other work changes them less than the figures. Processor time is that of the contender, without the client's.
Options: --files, --rounds, --check (exit code 1 below a bound).
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import statistics
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from contenders import CORES, Files, Http, Reading, Vendored, Warm, bulk, command, spawn, vendored
from photos import copies

# ours, peer, least ratio of files/s
BOUNDS = (
    ("HTTP cold, 16 clients", "bare loop, warm", 0.9),
    ("HTTP cold, 4 clients", "bare loop, warm", 0.9),
    ("HTTP cold, 16 clients", "exiftool-vendored", 1.6),
    ("HTTP cold, 16 clients", "a process per file", 20.0),
    ("mediabridge extract, warm", "bare loop, warm", 0.95),
    ("mediabridge extract", "exiftool -j -r, 1", 1.0),
)
Read = Callable[[Files], Reading]
Pids = Callable[[], Sequence[int]]


class Meter:
    """Largest resident memory, in MB, of some processes with all that they have started, seen ten times a second; and
    the processor time, in s, of all that we have started: nobody else works meanwhile.
    """

    def __init__(self, pids: Pids) -> None:
        self._pids = pids
        self.peak_mb = 0.0
        self.cpu_s = 0.0

    def __enter__(self) -> Meter:
        self._before = _cpu_s()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu_s = _cpu_s() - self._before
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.1):
            self.peak_mb = max(self.peak_mb, sum(map(_tree_bytes, self._pids())) / 2**20)


def _tree_bytes(pid: int) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    return total


def _cpu_s() -> float:
    """Of our children and theirs: those that have ended, and those that live."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            total += sum(child.cpu_times()[:2])
    return total


class Results:
    """Readings of all rounds, by contender."""

    def __init__(self) -> None:
        self.readings: dict[str, list[Reading]] = defaultdict(list)
        self.memory_mb: dict[str, float] = defaultdict(float)
        self.cpu_ms: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, reading: Reading, meter: Meter, times: float = 1) -> None:
        """One reading; all files were read so many `times` while it was measured."""
        self.readings[name].append(reading)
        self.memory_mb[name] = max(self.memory_mb[name], meter.peak_mb)
        self.cpu_ms[name].append(meter.cpu_s * 1000 / reading.files / times)

    def rates(self, name: str) -> list[float]:
        return [reading.files / reading.seconds for reading in self.readings[name]]

    def table(self) -> None:
        print(f"\n{'':34} {'files/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'CPU ms':>7} {'MB':>6}")
        for name, readings in self.readings.items():
            times = sorted(time for reading in readings for time in reading.times_ms)
            p50, p99 = (f"{times[int(len(times) * share)]:8.1f}" if times else f"{'–':>8}" for share in (0.5, 0.99))
            rate, cpu_ms = statistics.median(self.rates(name)), statistics.median(self.cpu_ms[name])
            print(f"{name:34} {rate:8.1f} {p50} {p99} {cpu_ms:7.1f} {self.memory_mb[name]:6.0f}")

    def ratios(self) -> bool:
        """Print them; whether all bounds are kept."""
        kept = True
        print()
        for ours, peer, least in BOUNDS:
            pairs = list(zip(self.rates(ours), self.rates(peer), strict=False))
            if not pairs:
                print(f"       {ours} / {peer}: not measured")
                continue
            ratio = statistics.median(one / other for one, other in pairs)
            by_cpu = statistics.median(self.cpu_ms[peer]) / statistics.median(self.cpu_ms[ours])
            kept &= ratio >= least
            word = "ok" if ratio >= least else "BELOW"
            print(f"{word:6} {ours} / {peer}: {ratio:.2f} (at least {least:g}); by processor time {by_cpu:.2f}")
        return kept


@dataclass(frozen=True)
class Bench:
    """All contenders, started once; whoever is not measured is at rest."""

    http: Http
    loop: Warm
    peer: Vendored | None

    def rows(self) -> Iterator[tuple[str, Read, Pids]]:
        """Each with how it reads and whose memory counts."""
        many, server, http = max(CORES, 2), self._server, self.http
        yield "HTTP cold, 1 client", http.cold(1), server
        yield "HTTP cold, 4 clients", http.cold(4), server
        yield "bare loop, warm", self.loop.read, lambda: self.loop.pids
        yield "HTTP cold, 16 clients", http.cold(16), server
        if self.peer is not None:
            peer = self.peer
            yield "exiftool-vendored", peer.read, lambda: [peer.process.pid]
        yield "exiftool -j -r, 1", bulk(1), self._others
        yield f"exiftool -j -r, {many}", bulk(many), self._others
        yield "HTTP cached, 16 clients", http.cached(16), server
        yield "a process per file", spawn(1), self._others
        yield f"a process per file, {many} at once", spawn(many), self._others

    def round(self, files: Files, results: Results) -> None:
        """Everybody once."""
        for name, read, pids in self.rows():
            with Meter(pids) as meter:
                reading = read(files)
            results.add(name, reading, meter, 2 if "cached" in name else 1)
        with Meter(self._others) as meter:
            whole, warm = command(files)
        results.add("mediabridge extract", whole, meter)
        results.add("mediabridge extract, warm", warm, meter, whole.files / warm.files)

    def _server(self) -> list[int]:
        return [self.http.process.pid]

    def _others(self) -> list[int]:
        """What runs for one reading only."""
        stay = {self.http.process.pid, *self.loop.pids, *([self.peer.process.pid] if self.peer else [])}
        return [child.pid for child in psutil.Process().children() if child.pid not in stay]


@contextlib.contextmanager
def started(folder: Path, files: Files) -> Iterator[Bench]:
    with contextlib.ExitStack() as stack:
        http = Http(folder / "cache")
        stack.callback(http.stop)
        http.cold(2 * CORES)(files[: 4 * CORES])
        loop = Warm(CORES, files[0])
        stack.callback(loop.stop)
        yield Bench(http, loop, stack.enter_context(vendored(files[0])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    results = Results()
    with tempfile.TemporaryDirectory(prefix="bench-extract-") as name:
        folder = Path(name)
        files = copies(options.files, folder)
        size = sum(path.stat().st_size for path in files) / len(files)
        print(f"{len(files)} photos of {size / 1024:.0f} KB on average, {CORES} cores, {options.rounds} rounds")
        with started(folder, files) as bench:
            for number in range(options.rounds):
                bench.round(files, results)
                print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    results.table()
    kept = results.ratios()
    return 1 if options.check and not kept else 0


if __name__ == "__main__":
    sys.exit(main())
