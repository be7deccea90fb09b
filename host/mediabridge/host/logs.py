"""The host's own log lines, in the same queue as the child's, so that they stay in order."""

from __future__ import annotations

import contextlib
import json
import logging
from datetime import UTC, datetime

from mediabridge.bridge import Block, Console, Sink


class ConsoleHandler(logging.Handler):
    """One line per event: `[mediabridge] …` for people, JSON for machines."""

    def __init__(self, console: Console, *, as_json: bool) -> None:
        super().__init__()
        self._console = console
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001  logging's own rule: a bad record never ends the program
            self.handleError(record)
            return
        self._console.line(_json_line(record, text) if self._as_json else _human_line(record, text))


def _human_line(record: logging.LogRecord, text: str) -> str:
    level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
    return f"[mediabridge] {level}{text}"


def _json_line(record: logging.LogRecord, text: str) -> str:
    moment = _time(datetime.fromtimestamp(record.created, UTC))
    return json.dumps({"time": moment, "level": record.levelname.lower(), "logger": record.name, "message": text})


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_sink(console: Console) -> Sink:
    """A sink that writes each line of a child as one JSON object a line, for production logs.

    A line that is an event already (`docs/events.md`) keeps its own fields.
    """

    def write(block: Block) -> None:
        now = _time(datetime.now(UTC))
        entries = (
            json.dumps({"time": now, "source": block.source, "stream": block.stream, **_fields(line)})
            for line in block.lines()
        )
        console.raw("".join(f"{entry}\n" for entry in entries).encode(), block.stream)

    return write


def _fields(line: str) -> dict[str, object]:
    if line.startswith("{"):
        with contextlib.suppress(ValueError, RecursionError):
            found: dict[str, object] = json.loads(line)
            if "event" in found:
                return found
    return {"message": line}


def set_up(console: Console, *, production: bool, level: str = "auto") -> None:
    """Send the log of mediabridge and of the server to the console: all of it, or warnings and errors only.

    `level` is LOG_LEVEL.
    """
    least = logging.getLevelNamesMapping()[level.upper()] if level != "auto" else None
    handler = ConsoleHandler(console, as_json=production)
    for name in ("mediabridge", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(least or (logging.WARNING if production or name == "uvicorn.error" else logging.INFO))
