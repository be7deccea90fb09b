"""What listeners get, and what the log says of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from .status import Failure, Status

log = logging.getLogger("mediabridge.bridge")


WORKER_NAME = "worker"  # as `replica`; it has no address, and nobody waits for it


@dataclass(frozen=True, slots=True)
class BridgeEvent:
    """What listeners get. `what` is a key of `WORDS`; `replica` names the process that it is about, `pid` is its."""

    what: str
    replica: str
    status: Status
    pid: int | None = None
    failure: Failure | None = None
    words: str = ""


Listen = Callable[[BridgeEvent], None]

# event: level, what the log says
WORDS: dict[str, tuple[int, str]] = {
    "starting": (logging.INFO, "is starting"),
    "ready": (logging.INFO, "is ready"),
    "unhealthy": (logging.WARNING, "does not answer"),
    "start_timeout": (logging.WARNING, "did not become ready in time"),
    "exited": (logging.WARNING, "ended by itself"),
    "restarting": (logging.WARNING, "is started again"),
    "failed": (logging.ERROR, "is given up"),
    "stopping": (logging.INFO, "is asked to end"),
    "killing": (logging.WARNING, "did not end in time after SIGTERM and is killed"),
    "left_behind": (logging.ERROR, "does not react to SIGKILL (uninterruptible sleep) and is left behind"),
    "stopped": (logging.INFO, "has ended"),
    "reloading": (logging.INFO, "is being replaced"),
    "draining": (logging.INFO, "is replaced and finishes what it has begun"),
    "retired": (logging.INFO, "is gone after its replacement"),
    "reload_failed": (logging.ERROR, "is kept, since its replacement did not become ready"),
    "following": (logging.INFO, "is run by another worker of this host"),
}

WITH_OUTPUT = ("exited", "start_timeout", "failed")
SHOWN = 2000


def write(event: BridgeEvent) -> None:
    """One entry for the log; a failure brings its message, its mend, and what the child last wrote to stderr."""
    level, words = WORDS[event.what]
    text = f"{event.replica} {words}"
    if event.words:
        text += f" {event.words}"
    failure = event.failure
    if failure is not None and event.what != "restarting":
        text += f": {failure.message} {failure.suggestion}"
        stderr = (failure.stderr_tail or failure.stderr_head).strip()
        if stderr and event.what == "exited":
            text += "\n" + "\n".join(f"    | {line}" for line in stderr[-SHOWN:].splitlines())
    elif event.what == "ready" and event.pid:
        text += f" (pid {event.pid})"
    log.log(level, "%s", text)


def tell(event: BridgeEvent, listeners: list[Listen]) -> None:
    """Tell everyone; a listener's fault must not end the supervision."""
    for listener in tuple(listeners):
        try:
            listener(event)
        except Exception:
            log.exception("a listener failed on %s", event.what)
