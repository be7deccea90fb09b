"""Events: what happened, as a word that programs test and as data, beside the sentence that people read.

The words are listed in `docs/events.md`.
"""

from __future__ import annotations

import logging


def emit(log: logging.Logger, level: int, event: str, message: str, **data: object) -> None:
    """Log one event. `message` is taken as it is; `data` must be JSON."""
    if log.isEnabledFor(level):
        log.log(level, "%s", message, extra={"event": event, "data": data})
