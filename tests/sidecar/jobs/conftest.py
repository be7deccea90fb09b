"""A queue in a folder of its own, and real workers on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mediabridge.sidecar.jobs import Job, Queue

ROOT = Path(__file__).parents[3]
PATHS = os.pathsep.join([str(ROOT / "sidecar"), str(ROOT / "config"), str(Path(__file__).parent)])


@dataclass
class WorkerProcess:
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self.log_file.read_text("utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def told(self, event: str) -> list[dict[str, Any]]:
        return [one["data"] for one in self.events if one["event"] == event]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


@dataclass
class Bench:
    """A queue with the file that `acts.py` writes."""

    queue: Queue
    instance: Path
    log: Path

    def submit(self, act: str, kind: str = "image", **payload: Any) -> Job:
        return self.queue.submit(kind, {"act": act, "log": str(self.log), **payload})

    def job(self, job: Job) -> Job:
        found = self.queue.get(job.id)
        assert found is not None
        return found

    def lines(self, word: str) -> list[tuple[str, int]]:
        """(id, fence) of the lines that begin with a word."""
        if not self.log.exists():
            return []
        rows = [line.split() for line in self.log.read_text("utf-8").splitlines()]
        return [(row[1], int(row[2])) for row in rows if row[0] == word]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    queue = Queue(tmp_path / "instance")
    queue.counts()  # the file is made when it is first asked for
    yield Bench(queue, tmp_path / "instance", tmp_path / "acts.log")
    queue.close()


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def start_worker(bench: Bench, tmp_path: Path, until: Callable[..., Any]) -> Iterator[StartWorker]:
    started: list[WorkerProcess] = []

    def start(entry: str = "acts:everything", *, wait: bool = True, **settings: str) -> WorkerProcess:
        env = os.environ | {"PYTHONPATH": PATHS, "PYTHONWARNINGS": "error", "INSTANCE_PATH": str(bench.instance)}
        env |= {"FLASK_ENV": "production", "LOG_LEVEL": "info", **settings}
        log_file = tmp_path / f"worker-{len(started)}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "mediabridge.sidecar.jobs.worker", "--handlers", entry],
                env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=tmp_path,
            )  # fmt: skip
        worker = WorkerProcess(process, log_file)
        started.append(worker)
        if wait:
            until(lambda: worker.told("worker.ready") or process.poll() is not None)
        return worker

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.process.send_signal(signal.SIGCONT)
            worker.kill()
