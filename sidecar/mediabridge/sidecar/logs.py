"""Log lines: one event a line on stderr, with the request id, and no control characters of a client's making."""

from __future__ import annotations

import logging
import re
import sys
from typing import Literal, TextIO

from . import requestid

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def clean(text: str) -> str:
    r"""The text with control characters written as escapes (`\x1b`): it can neither forge a line nor colour one."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


class OneLine(logging.Formatter):
    """`LEVEL logger: message [request id]`; a traceback follows on lines of its own, each marked with a bar."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        text = f"{record.levelname} {record.name}: {clean(record.getMessage())} [{requestid.current.get()}]"
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            text += "".join(f"\n  | {clean(line)}" for line in trace.splitlines())
        return text


def configure(mode: Literal["development", "production"], stream: TextIO | None = None) -> None:
    """Send all logs to stderr: everything from INFO up in development, warnings and errors in production."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if mode == "production" else logging.INFO)
    # Four requests at once are no event, and waitress warns about each that waits.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
