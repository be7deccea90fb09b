"""`POST /api/deepfake/analyze` of twelve-megapixel JPEGs, none of them seen before: `make bench-deepfake`.

Bounds: p95 of 1.5 s under `depth=quick` on two idle cores, 400 MB of memory. Memory is that of the child that decodes
and of the whole service with it (resident, sampled); shared pages count in each process.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks" / "images"))

import inputs  # noqa: E402  beside the benchmark of pictures

WARM, BOUND_MS, BOUND_MB = 2, 1500, 400
_PAUSE_S = 0.02


@dataclass
class Memory:
    """The most that was seen, in MB, of the largest child and of all processes together."""

    process: psutil.Process
    child: float = 0.0
    all: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look at it until `done`."""
        while not self.done.wait(_PAUSE_S):
            try:
                sizes = [one.memory_info().rss / 1024**2 for one in self.process.children(recursive=True)]
                self.child = max([self.child, *sizes])
                self.all = max(self.all, sum(sizes) + self.process.memory_info().rss / 1024**2)
            except psutil.NoSuchProcess:
                continue


def main() -> int:
    """Prints the figures; the exit code is 1 when a bound is passed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=20)
    options.add_argument("--depth", choices=["quick", "full"], default="quick")
    options.add_argument("--maps", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = inputs.write(Path(folder), chosen.files + WARM)
        started, port, token = start(Path(folder))
        memory = Memory(psutil.Process(started.pid))
        watcher = threading.Thread(target=memory.watch)
        try:
            wait_until_ready(port, token)
            watcher.start()
            told = [ask(port, token, unseen(path.read_bytes()), chosen.depth, chosen.maps) for path in files][WARM:]
        finally:
            memory.done.set()
            started.terminate()
            started.wait(10)
    return report(chosen.depth, [wall for wall, _ in told], [steps for _, steps in told], memory)


def start(folder: Path) -> tuple[subprocess.Popen[bytes], int, str]:
    """The service on a free port, with folders of its own."""
    token = secrets.token_hex(16)
    listener = socket.create_server(("127.0.0.1", 0))
    places = {"CACHE_PATH": "cache", "FILE_STORAGE_PATH": "files", "INSTANCE_PATH": "instance"}
    environment = os.environ | {name: str(folder / place) for name, place in places.items()}
    environment |= {"MEDIABRIDGE_LISTEN_FD": str(listener.fileno()), "MEDIABRIDGE_TOKEN": token, "LOG_LEVEL": "error"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mediabridge.sidecar"], env=environment, pass_fds=[listener.fileno()], cwd=folder
    )
    return process, listener.getsockname()[1], token


def wait_until_ready(port: int, token: str) -> None:
    """Until ExifTool is there. Ends the program when it is not within 30 s."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health", headers={"X-Mediabridge-Token": token})
            if json.loads(connection.getresponse().read())["engine"] == "ready":
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the service did not get ready")


def unseen(jpeg: bytes) -> bytes:
    """The same picture with a comment of its own, so that no cache knows it."""
    return jpeg[:2] + b"\xff\xfe\x00\x12" + secrets.token_bytes(16) + jpeg[2:]


def ask(port: int, token: str, content: bytes, depth: str, maps: bool) -> tuple[float, dict[str, float]]:
    """Milliseconds from the first byte of the request to the last of the answer, and those of the steps."""
    boundary = secrets.token_hex(16)
    fields = {"depth": depth, "maps": str(maps).lower()}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    headers = {"X-Mediabridge-Token": token, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/api/deepfake/analyze", body, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    wall = (time.monotonic() - began) * 1000
    if response.status != 200 or answer["cached"]:
        raise SystemExit(f"{response.status}: {str(answer)[:300]}")
    return wall, {"read": answer["timings"]["readMs"], **answer["timings"]["stepsMs"]}


def report(depth: str, walls: list[float], steps: list[dict[str, float]], memory: Memory) -> int:
    """Prints the table."""
    ordered = sorted(walls)
    p95 = ordered[min(round(0.95 * len(ordered)), len(ordered) - 1)]
    for name in steps[0]:
        print(f"  {name:20} {statistics.median(one[name] for one in steps):7.0f} ms")
    print(f"{len(walls)} pictures of {inputs.WIDTH}x{inputs.HEIGHT}, one after the other, depth={depth}:")
    print(f"p50 {statistics.median(walls):.0f} ms, p95 {p95:.0f} ms, most {ordered[-1]:.0f} ms")
    print(f"memory: {memory.child:.0f} MB the child at most, {memory.all:.0f} MB the service with all its children")
    return int(depth == "quick" and (p95 > BOUND_MS or memory.child > BOUND_MB))


if __name__ == "__main__":
    sys.exit(main())
