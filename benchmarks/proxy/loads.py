"""What is asked of each server, and what is measured."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time

import psutil
from contenders import OTHER_CORE

UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def wrk(url, connections, seconds):
    """(requests/s, p50 ms, p99 ms, errors) of GETs over `connections` kept-alive connections."""
    done = subprocess.run(
        [*OTHER_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])
    p50, p99 = (_ms(re.search(rf"\s{percent}%\s+(\S+)", done)[1]) for percent in (50, 99))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done)
    return rate, p50, p99, (int(bad[1]) if bad else 0) + (sum(map(int, broken.groups())) if broken else 0)


def _ms(text):
    number, unit = re.match(r"([\d.]+)(\D+)", text).groups()
    return float(number) * UNITS[unit]


BLOCK = bytes(1 << 20)


def upload(port, megabytes):
    """Send one body; raises when the answer is not a 200."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as client:
        client.sendall(
            b"POST /api/extract/upload HTTP/1.1\r\nHost: bench\r\nContent-Type: application/octet-stream\r\n"
            + f"Content-Length: {megabytes << 20}\r\n\r\n".encode()
        )
        for _ in range(megabytes):
            client.sendall(BLOCK)
        answer = client.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"upload answered {answer[:60]!r}")


def uploads(port, megabytes, at_once, tries=3):
    """MB/s of `at_once` uploads that begin together. A proxy that broke one off (a stale connection) may try again."""
    for left in reversed(range(tries)):
        try:
            return _uploads(port, megabytes, at_once)
        except (OSError, RuntimeError) as problem:
            print(f"  an upload failed: {problem}", file=sys.stderr)
            if not left:
                raise
    return 0.0


def _uploads(port, megabytes, at_once):
    failures = []

    def one():
        try:
            upload(port, megabytes)
        except (OSError, RuntimeError) as problem:
            failures.append(problem)

    threads = [threading.Thread(target=one) for _ in range(at_once)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if failures:
        raise RuntimeError(failures[0])
    return megabytes * at_once / took


class PeakMemory:
    """Highest resident memory of a process with its children while it is entered, in MB over the memory before."""

    def __init__(self, pid):
        self._pid = pid
        self._stop = threading.Event()
        self.idle = self._now()
        self.peak = self.idle

    def _now(self):
        total = 0
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(self._pid)
            for one in (parent, *parent.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += one.memory_info().rss
        return total / 2**20

    def _watch(self):
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, self._now())

    def __enter__(self):
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    @property
    def growth(self):
        return self.peak - self.idle
