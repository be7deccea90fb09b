"""Log lines: one event a line on stderr, with time, process and request id, and no control characters of a client's."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from . import requestid
from .events import event_of

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def clean(text: str) -> str:
    r"""The text with control characters written as escapes (`\x1b`): it can neither forge a line nor colour one."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


class Human(logging.Formatter):
    """`TIME LEVEL logger: message [request id] pid=1 event=… key=value`; a traceback follows on lines with a bar."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        event, data = event_of(record)
        fields = {"pid": os.getpid(), "event": event, **data}
        text = f"{_time(record)} {record.levelname} {record.name}: {clean(record.getMessage())} [{_id()}]"
        text += "".join(f" {key}={clean(_value(value))}" for key, value in fields.items())
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            text += "".join(f"\n  | {clean(line)}" for line in trace.splitlines())
        return text


class Json(logging.Formatter):
    """One JSON object a line: time, level, logger, event, pid, requestId, message, data, and perhaps a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        event, data = event_of(record)
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event,
            "pid": os.getpid(),
            "requestId": _id(),
            "message": record.getMessage(),
            "data": data,
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)  # ASCII: nothing of a client's can end the line


def configure(
    mode: Literal["development", "production"],
    stream: TextIO | None = None,
    *,
    level: str = "auto",
    human: bool | None = None,
) -> None:
    """Send all logs to stderr: everything from INFO up in development, warnings and errors in production.

    `level` is LOG_LEVEL; lines are for people in development, JSON in production, unless `human` says so.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Human() if human or (human is None and mode == "development") else Json())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    usual = logging.WARNING if mode == "production" else logging.INFO
    root.setLevel(usual if level == "auto" else level.upper())
    # Four requests at once are no event, and waitress warns about each that waits.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def _id() -> str:
    return requestid.current.get()


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: object) -> str:
    """A value as a word; with quotes around it where it would fall apart."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return json.dumps(text) if isinstance(value, str) and (not text or re.search(r"[\s=\"]", text)) else text
