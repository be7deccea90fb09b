"""Events: what happened, as a word that programs test and as data, beside the sentence that people read.

The words are listed in `docs/events.md`.
"""

from __future__ import annotations

import logging

OTHER = "log"  # of lines that are no event of ours
SLOW_S = 10.0  # a file that takes longer is told of
QUEUED_S = 1.0  # so is a wait for a process


def emit(
    log: logging.Logger, level: int, event: str, message: str, *, trace: BaseException | None = None, **data: object
) -> None:
    """Log one event. `message` is taken as it is; `data` must be JSON; `trace` brings its traceback."""
    if log.isEnabledFor(level):
        log.log(level, "%s", message, extra={"event": event, "data": data}, exc_info=trace)


def event_of(record: logging.LogRecord) -> tuple[str, dict[str, object]]:
    """The event and the data of a record."""
    return getattr(record, "event", OTHER), getattr(record, "data", {})
