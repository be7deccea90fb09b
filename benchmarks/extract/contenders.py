"""Who reads photos: ours over HTTP and as a command, ExifTool itself, and a peer. Each gives seconds and latencies."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from photos import distinct

CORES = len(os.sched_getaffinity(0))
PROGRAM = Path(sys.executable).with_name("mediabridge")
ARGUMENTS = ("-j", "-G0:1", "-struct")  # what our engine asks for
HERE = Path(__file__).parent
Files = Sequence[Path]


@dataclass
class Reading:
    """One round: how many files, in how many seconds, and the milliseconds of each where they are known."""

    files: int
    seconds: float
    times_ms: list[float]


def spread(work: Callable[[int, Path], None], files: Files, lanes: int) -> Reading:
    """Files handed to so many threads, one at a time; `work` gets the lane's number and a file."""
    left, lock, times = iter(files), threading.Lock(), []

    def lane(number: int) -> None:
        while True:
            with lock:
                path = next(left, None)
            if path is None:
                return
            start = time.perf_counter()
            work(number, path)
            times.append((time.perf_counter() - start) * 1000)

    began = time.perf_counter()
    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(lane, range(lanes)))
    return Reading(len(files), time.perf_counter() - began, times)


class Http:
    """`POST /api/extract` through `mediabridge serve`, by keep-alive clients."""

    def __init__(self, cache: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--port", str(self.port), "--sidecar-port", "0"],
            env={**os.environ, "CACHE_PATH": str(cache)},
            cwd=cache.parent,
        )
        self._await_ready()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError("mediabridge serve did not become ready")

    def cold(self, clients: int) -> Callable[[Files], Reading]:
        """Each file with bytes that were never there before."""
        return lambda files: self._read(files, clients, distinct)

    def cached(self, clients: int) -> Callable[[Files], Reading]:
        """The same bytes again; the first time is not counted."""

        def read(files: Files) -> Reading:
            self._read(files, clients, bytes)
            return self._read(files, clients, bytes)

        return read

    def _read(self, files: Files, clients: int, change: Callable[[bytes], bytes]) -> Reading:
        bodies = {path: _form(path.name, change(path.read_bytes())) for path in files}
        connections = [http.client.HTTPConnection("127.0.0.1", self.port, timeout=60) for _ in range(clients)]
        headers = {"Content-Type": "multipart/form-data; boundary=X"}

        def one(lane: int, path: Path) -> None:
            connections[lane].request("POST", "/api/extract", bodies[path], headers)
            with connections[lane].getresponse() as response:
                answer = response.read()
                if response.status != 200:
                    raise RuntimeError(f"{path.name}: {response.status} {answer[:300]!r}")

        try:
            return spread(one, files, clients)
        finally:
            for connection in connections:
                connection.close()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def _form(name: str, content: bytes) -> bytes:
    head = f'--X\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    return head + content + b"\r\n--X--\r\n"


class Warm:
    """A bare loop over warm ExifTool processes: a command per file, the answer read and thrown away."""

    def __init__(self, processes: int, first: Path) -> None:
        command = ["exiftool", "-config", "", "-stay_open", "True", "-@", "-"]
        pipe = subprocess.PIPE
        self.processes = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0)
            for _ in range(processes)
        ]
        for lane in range(processes):
            self._ask(lane, first)

    def read(self, files: Files) -> Reading:
        return spread(self._ask, files, len(self.processes))

    def _ask(self, lane: int, path: Path) -> None:
        process = self.processes[lane]
        process.stdin.write("\n".join([*ARGUMENTS, str(path), "-execute", ""]).encode())
        answer = bytearray()
        while not answer.endswith(b"{ready}\n"):
            answer += os.read(process.stdout.fileno(), 65536)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    def stop(self) -> None:
        for process in self.processes:
            process.stdin.write(b"-stay_open\nFalse\n")
            process.wait(10)
            process.stdin.close()
            process.stdout.close()


class Vendored:
    """npm exiftool-vendored with as many processes as there are cores, and its own ExifTool."""

    def __init__(self, first: Path) -> None:
        command = ["node", "vendored.mjs", str(CORES)]
        self.process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read([first] * 2 * CORES)

    def read(self, files: Files) -> Reading:
        self.process.stdin.write(json.dumps([str(path) for path in files]) + "\n")
        self.process.stdin.flush()
        seconds, times = json.loads(self.process.stdout.readline())
        return Reading(len(files), seconds, times)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def bulk(processes: int) -> Callable[[Files], Reading]:
    """`exiftool -j -r` on the folder; with several processes on a share of the files each."""

    def read(files: Files) -> Reading:
        shares = [[files[0].parent]] if processes == 1 else [files[number::processes] for number in range(processes)]
        began = time.perf_counter()
        running = [
            subprocess.Popen(
                ["exiftool", "-q", *ARGUMENTS, "-r", *share], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for share in shares
        ]
        for one in running:
            one.wait()
        return Reading(len(files), time.perf_counter() - began, [])

    return read


def spawn(lanes: int) -> Callable[[Files], Reading]:
    """A new ExifTool for each file, one after another or so many at once; of some of the files."""

    def one(_lane: int, path: Path) -> None:
        subprocess.run(["exiftool", *ARGUMENTS, path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    return lambda files: spread(one, files[: 5 * lanes], lanes)


def command(files: Files) -> tuple[Reading, Reading]:
    """`mediabridge extract FOLDER`: from start to end, and from its first results on, when its processes are warm."""
    began = time.perf_counter()
    with subprocess.Popen(
        [PROGRAM, "extract", files[0].parent, "--format", "ndjson"], stdout=subprocess.PIPE
    ) as process:
        arrivals = [time.perf_counter() for _ in process.stdout]
    whole = Reading(len(arrivals), time.perf_counter() - began, [])
    if process.returncode != 0 or len(arrivals) != len(files):
        raise RuntimeError(f"mediabridge extract: exit code {process.returncode}, {len(arrivals)} of {len(files)}")
    skipped = len(arrivals) // 5
    return whole, Reading(len(arrivals) - skipped - 1, arrivals[-1] - arrivals[skipped], [])


@contextlib.contextmanager
def vendored(first: Path) -> Iterator[Vendored | None]:
    """The peer, or None where Node or its modules are missing."""
    if not (HERE / "node_modules" / "exiftool-vendored").is_dir():
        yield None
        return
    peer = Vendored(first)
    try:
        yield peer
    finally:
        peer.stop()
