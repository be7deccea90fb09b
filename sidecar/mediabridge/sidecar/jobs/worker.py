"""`python -m mediabridge.sidecar.jobs.worker --handlers package.module:function`: a worker as a process.

The function gets the settings and gives handlers by kind; the option may be repeated. SIGTERM and SIGINT stop it within
FLASK_SHUTDOWN_TIMEOUT. Exit code 0: stopped; 1: INSTANCE_PATH cannot be used; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mediabridge.config import Settings, load
from mediabridge.sidecar import logs
from mediabridge.sidecar.events import emit
from mediabridge.sidecar.faults import Fault

from . import bell
from .claims import Claims
from .handling import Handler, Handlers
from .loop import Worker
from .place import folder_of
from .rules import KINDS
from .schema import Database

_RESERVE_S = 0.5  # of the shutdown timeout, for the end of the process
_STOPS = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger("mediabridge.sidecar.jobs")
Entry = Callable[[Settings], Handlers]


def main(argv: Sequence[str] | None = None) -> int:
    """Work until a signal."""
    for number in _STOPS:  # until the worker takes them over
        signal.signal(number, lambda *_: sys.exit(0))
    parser = argparse.ArgumentParser(prog="python -m mediabridge.sidecar.jobs.worker")
    parser.add_argument("--handlers", action="append", type=_entry, required=True, metavar="MODULE:FUNCTION")
    options = parser.parse_args(argv)
    settings, _ = load(os.environ, toml=Path("mediabridge.toml"))  # the bridge has told its user the warnings
    logs.configure(settings.flask_env, level=settings.log_level)
    handlers: dict[str, Handler] = {}
    for entry in options.handlers:
        handlers |= entry(settings)
    if unknown := handlers.keys() - KINDS.keys():
        parser.error(f"--handlers: no such kind of job: {', '.join(sorted(unknown))}")
    try:
        _work(folder_of(settings.instance_path), handlers, settings.flask_shutdown_timeout_ms / 1000 - _RESERVE_S)
    except Fault as problem:
        _log.error("%s %s", problem.message, problem.suggestion)
        return 1
    except OSError as problem:
        _log.error("INSTANCE_PATH cannot be used: %s", problem.strerror)
        return 1
    return 0


def _work(instance: Path, handlers: Handlers, grace_s: float) -> None:
    database = Database(instance)
    own = bell.Bell(instance)
    worker = Worker(
        Claims(database), own, handlers,
        dead=partial(bell.dead, instance), ring=partial(bell.ring, instance), grace_s=grace_s,
    )  # fmt: skip
    for number in _STOPS:
        signal.signal(number, lambda *_: worker.stop())
    emit(_log, logging.INFO, "worker.ready", f"worker ready (pid {os.getpid()})", kinds=sorted(handlers))
    try:
        worker.run()
    finally:
        for number in _STOPS:
            signal.signal(number, signal.SIG_IGN)  # the bell is gone, and so are we in a moment
        own.close()
    # The database stays open: a thread that was cut off may still ask it, and is refused.


def _entry(word: str) -> Entry:
    name, _, function = word.partition(":")
    try:
        found = getattr(importlib.import_module(name), function)
    except (ImportError, AttributeError, ValueError) as problem:
        msg = f"{word} is no MODULE:FUNCTION that can be imported: {problem}"
        raise argparse.ArgumentTypeError(msg) from problem
    entry: Entry = found
    return entry


if __name__ == "__main__":
    sys.exit(main())
