"""One event for each finished request, and what the log does with it."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from .errors import Outcome, ResponseAbortedError

logger = logging.getLogger("mediabridge.proxy")

# Loggers on which servers report what an application raised.
SERVER_LOGGERS = ("uvicorn.error", "hypercorn.error", "_granian", "waitress", "gunicorn.error")


class Finished(NamedTuple):
    """A request that has ended. A tuple, because one is made for every request.

    ``status`` is what the client was sent, 499 when it left before; ``aborted`` says that the response had begun and
    was cut off. ``bytes_in`` and ``bytes_out`` count bodies; ``first_byte_ms`` is the time to the upstream's response
    head, ``None`` without one. ``route`` is the prefix that matched, ``path`` the raw path without the query.
    ``cached``: it was answered from memory.
    """

    method: str
    path: str
    route: str
    status: int
    outcome: Outcome
    aborted: bool
    bytes_in: int
    bytes_out: int
    first_byte_ms: float | None
    total_ms: float
    request_id: str
    message: str = ""
    cached: bool = False


_QUIET = frozenset({Outcome.OK, Outcome.NOT_READY, Outcome.REFUSED, Outcome.TOO_LARGE, Outcome.CLIENT_GONE})


def is_heard(on_event: Callable[[Finished], None], outcome: Outcome) -> bool:
    """Whether an event is worth making: the log drops those of requests that went well, unless it is verbose."""
    return outcome is not Outcome.OK or on_event is not log_finished or logger.isEnabledFor(logging.INFO)


def log_finished(event: Finished) -> None:
    """Log one line: a warning for what failed behind us or was cut off, else information."""
    level = logging.INFO if event.outcome in _QUIET and not event.aborted else logging.WARNING
    first = "-" if event.first_byte_ms is None else f"{event.first_byte_ms:.1f}"
    logger.log(
        level,
        "%s %s %d %s in=%d out=%d first_ms=%s total_ms=%.1f id=%s%s%s",
        event.method, event.path, event.status, f"{event.outcome}, aborted" if event.aborted else event.outcome,
        event.bytes_in, event.bytes_out, first, event.total_ms, event.request_id, " cached" if event.cached else "",
        f": {event.message}" if event.message else "",
    )  # fmt: skip


def printable(path: bytes) -> str:
    """A raw path for the log: a refused one may hold anything."""
    text = path.decode("latin-1")
    return text if text.isascii() and text.isprintable() else repr(path)[2:-1]


class HideAborts(logging.Filter):
    """Drops a server's traceback for ``ResponseAbortedError``: that drops a connection, and has been logged already."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Part of ``logging.Filter``."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, BaseExceptionGroup):
            return error.split(ResponseAbortedError)[1] is not None
        return not isinstance(error, ResponseAbortedError)


_HIDE = HideAborts()


def hide_aborts(*loggers: str) -> None:
    """Keep ``ResponseAbortedError`` out of these loggers; may be called again."""
    for name in loggers:
        logging.getLogger(name).addFilter(_HIDE)  # a second time changes nothing
