"""`make bench-deepfake`: a retraining with 5,000 samples, its memory, and how fast figures are told meanwhile.

A real sidecar and a real worker on a folder of their own; the samples are those of 200 pictures, with noise.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from generated import sample  # noqa: E402

from mediabridge.sidecar.deepfake.model import features  # noqa: E402
from mediabridge.sidecar.deepfake.model.schema import Database  # noqa: E402

SAMPLES, GOLDEN, SEEDS = 5000, 300, 100
ASKED_EVERY_S = 0.02
LIMIT_S = 150


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Path(folder) / "instance"
        _fill(instance)
        size = (instance / "deepfake.db").stat().st_size
        print(
            f"{SAMPLES} samples, {GOLDEN} golden files, {len(features.names())} features: {size / 1e6:.1f} MB on disk"
        )
        with _process(folder, "-m", "mediabridge.sidecar") as port:
            for _ in range(200):  # warm
                _ask(port, "GET", "/api/deepfake/stats")
            alone = [_ask(port, "GET", "/api/deepfake/stats")[0] for _ in range(200)]
            print(f"stats alone: {_shares(alone)}")
            worker = ("-m", "mediabridge.sidecar.jobs.worker", "--handlers", "mediabridge.sidecar.work:handlers")
            with _process(folder, *worker):
                _measure(port)
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def _measure(port: int) -> None:
    _, job = _ask(port, "POST", "/api/deepfake/retrain")
    started, took, most = time.monotonic(), [], 0
    while time.monotonic() - started < LIMIT_S:
        duration, told = _ask(port, "GET", "/api/deepfake/stats")
        took.append(duration)
        most = max(most, _memory())
        if told["retrain"]["state"] not in ("never", "running"):
            break
        time.sleep(ASKED_EVERY_S)
    elapsed = time.monotonic() - started
    _, told = _ask(port, "GET", f"/api/jobs/{job['jobId']}")
    print(f"retraining: {elapsed:.1f} s, {told['status']}, child at most {most / 1024**2:.0f} MB")
    print(f"stats meanwhile: {_shares(took)}")
    for gate in told["result"]["gates"] + told["result"]["serving"]:
        print(f"  {gate['gate']}: {gate['value']} (limit {gate['limit']}) {gate['passed']}")


def _memory() -> int:
    """Of the largest child of the worker that trains."""
    found = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "isolated/start.py" in " ".join(process.cmdline()):
                found = max(found, process.memory_info().rss)
    return found


def _shares(took: list[float]) -> str:
    ms = np.array(took) * 1000
    return f"p50 {np.median(ms):.1f} ms, p95 {np.percentile(ms, 95):.1f} ms, max {ms.max():.1f} ms of {len(ms)}"


def _ask(port: int, method: str, path: str) -> tuple[float, Any]:
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, headers={"Content-Length": "0"} if method == "POST" else {})
        body = connection.getresponse().read()
    return time.monotonic() - started, json.loads(body)


@contextlib.contextmanager
def _process(folder: str, *command: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paths = os.pathsep.join(str(ROOT / part) for part in ("sidecar", "config"))
    env = {**os.environ, "PYTHONPATH": paths, "INSTANCE_PATH": f"{folder}/instance", "CACHE_PATH": f"{folder}/cache"}
    env |= {"FILE_STORAGE_PATH": f"{folder}/files", "FLASK_PORT": str(port), "LOG_LEVEL": "error"}
    with subprocess.Popen([sys.executable, *command], env=env, stdin=subprocess.DEVNULL) as process:
        try:
            for _ in range(300 if command[1] == "mediabridge.sidecar" else 0):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def _fill(instance: Path) -> None:
    random = np.random.default_rng(0)
    rows = {
        fake: np.array([features.vector(sample(at, fake=fake)[0]) for at in range(SEEDS)]) for fake in (False, True)
    }
    spread = rows[False].std(0) * 0.5
    database = Database(instance)
    with database.transaction():
        for at in range(SAMPLES + GOLDEN):
            fake = at % 2 == 1
            vector = rows[fake][at // 2 % SEEDS] + random.normal(0, spread)
            values = {
                "sha": f"{at:064x}",
                "vector": vector.astype("<f8").tobytes(),
                "label": "fake" if fake else "real",
            }
            values |= {"facts": json.dumps({"format": "JPEG", "perceptualHash": f"{random.integers(2**63):016x}"})}
            database.run("INSERT INTO samples VALUES (:sha, 'image', 1, :vector, :facts, 0)", values)
            if at < SAMPLES:
                database.run(
                    "INSERT INTO labels (sha256, domain, label, labeler, operator, status, created)"
                    " VALUES (:sha, 'image', :label, 'operator', 1, 'accepted', '2026-06-01T12:00:00.000Z')",
                    values,
                )
            else:
                database.run(
                    "INSERT INTO golden VALUES (:sha, 'image', :label, 'operator', '2026-06-01T12:00:00.000Z')", values
                )
    database.close()


if __name__ == "__main__":
    main()
