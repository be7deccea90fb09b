"""The extraction service under load: large files, many uploads at once, little memory; 1 when a bound is missed.

`make campaign-extract`, or `python benchmarks/campaign_extract.py [--short] [large] [crowd] [limited]`.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

MIB = 1 << 20
PROGRAM = str(Path(sys.executable).with_name("mediabridge"))
BOUNDARY = "----------------campaign"
# The smallest JPEG that ExifTool calls whole: SOI, JFIF, SOF0, SOS, EOI.
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080001000101011100ffda0008010100003f0000ffd9")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Service:
    """`mediabridge serve`, or another `command`, with folders of its own, all in `cgroup` where one is given."""

    def __init__(
        self, cgroup: Path | None = None, command: tuple[str, ...] = (PROGRAM, "serve"), output: int | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="campaign-"))
        (self.folder / "tmp").mkdir()
        self.port = free_port()
        places = {
            "CACHE_PATH": f"{self.folder}/cache", "FILE_STORAGE_PATH": f"{self.folder}/store",
            "INSTANCE_PATH": f"{self.folder}/instance",
            "TMPDIR": f"{self.folder}/tmp", "PORT": str(self.port), "FLASK_PORT": "0",
        }  # fmt: skip
        if cgroup is not None:
            command = ("sh", "-c", f'echo $$ > "{cgroup}/cgroup.procs" && exec "$@"', "sh", *command)
        self.process = subprocess.Popen(
            command, env={**os.environ, **places}, cwd=self.folder, stdout=output, stderr=output
        )
        until = time.monotonic() + 30
        while not self.ready():
            assert time.monotonic() < until, "the service did not get ready"
            time.sleep(0.05)

    def ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        return False

    @property
    def processes(self) -> list[psutil.Process]:
        host = psutil.Process(self.process.pid)
        return [host, *host.children(recursive=True)]

    @property
    def sidecar(self) -> psutil.Process:
        return self.process_of("mediabridge.sidecar")

    def process_of(self, module: str) -> psutil.Process:
        """Raises `StopIteration`, `psutil.Error` while there is none."""
        return next(one for one in self.processes if one.cmdline()[1:3] == ["-m", module])

    def resident(self) -> int:
        """Bytes of all processes together, shared pages counted once where the kernel tells."""
        total = 0
        for one in self.processes:
            with contextlib.suppress(psutil.Error, OSError):
                total += one.memory_full_info().pss
        return total

    def leftovers(self) -> list[Path]:
        return [
            path
            for path in (self.folder / "tmp").rglob("*")
            if path.is_file() and path.name not in (".lock", "sample.gif")
        ]

    def post(self, parts: int, size: int, name: str = "a.jpg", timeout: float = 600) -> tuple[int, bytes, str | None]:
        """A JPEG of `size` bytes, zeros behind its end, streamed. Gives status, body, Retry-After."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + JPEG
        head += parts.to_bytes(8, "big")  # another content each time
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()
        rest = size - len(JPEG) - 8
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.putrequest("POST", "/api/extract")
            connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
            connection.putheader("Content-Length", str(len(head) + rest + len(tail)))
            connection.endheaders()
            zeros = bytes(MIB)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused early: the answer is there
                connection.send(head)
                for _ in range(rest // MIB):
                    connection.send(zeros)
                connection.send(bytes(rest % MIB) + tail)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Retry-After")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
        return code


class Peak:
    """The largest value that `look` gave, asked ten times a second in a thread."""

    def __init__(self, look) -> None:
        self._look, self._stop, self.most = look, threading.Event(), 0
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            with contextlib.suppress(psutil.Error, StopIteration):
                self.most = max(self.most, self._look())

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def large(short: bool) -> list[tuple[str, str, bool]]:
    """One 500 MB and one 2 GB file."""
    rows = []
    service = Service()
    service.post(1, 1000)
    for mib in (64,) if short else (500, 2000):
        sidecar = service.sidecar
        before = sidecar.memory_info().rss
        begun = time.monotonic()
        with Peak(lambda of=sidecar: of.memory_info().rss) as peak:
            status, body, _ = service.post(mib, mib * MIB)
        took = time.monotonic() - begun
        grown = (peak.most - before) / MIB
        ok = status == 200 and grown < 64
        rows.append(
            (f"{mib} MB file: status, growth of the sidecar, time", f"{status}, {grown:.0f} MB, {took:.1f} s", ok)
        )
        if status != 200:
            print(body[:300], file=sys.stderr)
    time.sleep(0.5)
    rows.append(("temporary files left", str(len(service.leftovers())), not service.leftovers()))
    service.stop()
    return rows


def crowd(short: bool) -> list[tuple[str, str, bool]]:
    """Uploads of 20 MB, all at once."""
    count = 20 if short else 100
    service = Service()
    service.post(1, 1000)
    ends: collections.Counter[str] = collections.Counter()
    with Peak(service.resident) as peak:
        threads = [threading.Thread(target=lambda n=n: ends.update([_end(service, n, 20 * MIB)])) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    time.sleep(0.5)
    rows = [
        (f"{count} uploads of 20 MB at once", _words(ends), not _bad(ends)),
        ("resident memory of all our processes", f"{peak.most / MIB:.0f} MB", peak.most < 600 * MIB),
        ("temporary files left", str(len(service.leftovers())), not service.leftovers()),
    ]
    service.stop()
    return rows


def limited(short: bool) -> list[tuple[str, str, bool]]:
    """Mixed load while host, sidecar and ExifTool together may use 256 MB."""
    ends: collections.Counter[str] = collections.Counter()
    with cgroup(256) as folder:
        service = Service(folder)
        until = time.monotonic() + (10 if short else 300)
        pids = {service.sidecar.pid}

        def client(number: int) -> None:
            dice = random.Random(number)
            while time.monotonic() < until:
                size = dice.choice((5_000, 5_000, 200_000, 2 * MIB, 20 * MIB, 100 * MIB))
                ends.update([_end(service, dice.randrange(1 << 40), size)])
                with contextlib.suppress(StopIteration, psutil.Error):
                    pids.add(service.sidecar.pid)

        threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        status = service.post(7, 5_000)[0]
        most = service.resident()
        service.stop()
    return [
        ("mixed load of 8 clients under 256 MB", _words(ends), not _bad(ends) and ends["200"] > 0),
        ("sidecars that died of it", str(len(pids) - 1), len(pids) == 1),
        ("resident memory at the end", f"{most / MIB:.0f} MB", most < 256 * MIB),
        ("a small file afterwards", str(status), status == 200),
    ]


@contextlib.contextmanager
def cgroup(mib: int):
    """A new control group with a limit of memory, version 2 or 1; needs root."""
    root = Path("/sys/fs/cgroup")
    old = not (root / "cgroup.controllers").exists()
    folder = (root / "memory" if old else root) / f"campaign-extract-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(mib * MIB))
        yield folder
    finally:
        until = time.monotonic() + 5
        while (folder / "cgroup.procs").read_text().strip() and time.monotonic() < until:
            time.sleep(0.1)
        folder.rmdir()


def _end(service: Service, number: int, size: int) -> str:
    try:
        status, _, retry = service.post(number, size)
    except OSError as problem:
        return type(problem).__name__
    return f"{status} with Retry-After" if retry else str(status)


def _bad(ends: collections.Counter[str]) -> list[str]:
    fine = {"200", "429 with Retry-After", "503 with Retry-After"}
    return [end for end in ends if end not in fine]


def _words(ends: collections.Counter[str]) -> str:
    return ", ".join(f"{count} × {end}" for end, count in ends.most_common())


PARTS = {"large": large, "crowd": crowd, "limited": limited}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    held = True
    print("| | figure | |\n| --- | --- | --- |")
    for name in options.parts or PARTS:
        for what, figure, ok in PARTS[name](options.short):
            held &= ok
            print(f"| {what} | {figure} | {'ok' if ok else 'MISS'} |", flush=True)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
