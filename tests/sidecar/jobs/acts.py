"""Handlers for real workers: what a job does is in its payload. Each line goes to the file `log` in one write."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from mediabridge.sidecar.faults import UnreadableFile
from mediabridge.sidecar.jobs import Handlers, Interrupted, Run
from mediabridge.sidecar.jobs.rules import KINDS

_never = threading.Event()


def note(run: Run, word: str) -> None:
    line = f"{word} {run.job.id} {run.job.fence} {os.getpid()} {run.job.kind}\n"
    handle = os.open(run.payload["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def work(run: Run) -> dict[str, int]:
    """Some steps, then an effect that cannot be undone."""
    steps = run.payload.get("steps", 5)
    for step in range(steps):
        _never.wait(run.payload.get("step_s", 0.02))
        run.report(step + 1, steps)
    run.still_mine()
    note(run, "effect")
    return {"fence": run.job.fence}


def hang(run: Run) -> None:
    """For ever, but it looks whether it has to stop."""
    step = run.progress.done
    while True:
        step += 1
        try:
            run.report(step, 0, 1)
        except Interrupted:
            note(run, "interrupted")
            raise
        except Exception:  # noqa: BLE001  handlers that catch all must be stoppable too
            note(run, "swallowed")
        _never.wait(0.02)


def deaf(run: Run) -> None:
    _never.wait()


def fail(run: Run) -> str:
    if run.job.attempts <= run.payload.get("times", 99):
        msg = "a word that must not be stored"
        raise RuntimeError(msg)
    return "at last"


def broken(run: Run) -> None:
    msg = "the picture ends too early"
    raise UnreadableFile(msg)


def no_json(run: Run) -> object:
    return object()


def poison(run: Run) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


ACTS = {act.__name__: act for act in (work, hang, deaf, fail, broken, no_json, poison)}


def act(run: Run) -> Any:
    note(run, "start")
    try:
        return ACTS[run.payload["act"]](run)
    finally:
        note(run, "end")


def everything(settings: Any) -> Handlers:
    return dict.fromkeys(KINDS, act)


def pictures_only(settings: Any) -> Handlers:
    return {"image": act}


def unknown(settings: Any) -> Handlers:
    return {"film": act}


def no_handlers(settings: Any) -> Handlers:
    return {}
