"""The worker as the bridge runs it: beside the sidecar, started again after its death, ended together with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from mediabridge.bridge import BridgeOptions, PythonBridge, module, script

PATHS = os.pathsep.join(str(Path(__file__).parents[3] / part) for part in ("sidecar", "config"))
WORKER = module(
    "mediabridge.sidecar.jobs.worker", "--handlers", "acts:everything", health_path=None, own_interpreter=True
)  # fmt: skip


def test_a_killed_worker_is_started_again_and_loses_no_job(
    bench: Any, tmp_path: Path, until: Callable[..., Any]
) -> None:
    waits = tmp_path / "waits.py"
    waits.write_text("import signal\nsignal.pause()\n", encoding="utf-8")
    env = {"PYTHONPATH": os.pathsep.join([PATHS, str(Path(__file__).parent)]), "INSTANCE_PATH": str(bench.instance)}
    options = BridgeOptions(target=script(str(waits), health_path=None), worker=WORKER, port=0, env=env)
    bridge = PythonBridge(options)

    def worker() -> Any:
        return next(one for one in bridge.status().replicas if one.name == "worker")

    bridge.start()
    try:
        job = bench.submit("work", steps=40)
        until(lambda: bench.job(job).progress.done)
        first = worker().pid
        os.kill(first, signal.SIGKILL)
        done = until(lambda: (found := bench.job(job)).status == "completed" and found, 15)
        assert (done.deaths, done.fence, worker().restarts) == (1, 2, 1)
        second = worker().pid
        assert second != first
    finally:
        bridge.stop()
    assert not psutil.pid_exists(second)
    assert bench.lines("effect") == [(job.id, 2)]
    assert not list((bench.instance / "workers").iterdir())  # it was stopped, not killed
