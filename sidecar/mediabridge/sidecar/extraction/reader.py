"""How every door reads a file: from the cache, else by ExifTool, else by the built-in reader. Knows no HTTP."""

from __future__ import annotations

import logging
from typing import Protocol

from mediabridge.sidecar.faults import EngineUnavailable

from .answer import Gone, Subject
from .extract import File, Reading

_log = logging.getLogger(__name__)


class Cached(Protocol):
    """An extractor that says whether it had to read; `stored.CachedExtractor` is the real one."""

    def read(self, file: Subject, gone: Gone | None = None) -> tuple[Reading, bool]:
        """The reading, and whether it was there already. Raises a `Fault`."""


class Plain(Protocol):
    """An extractor that always reads."""

    def read(self, file: File, gone: Gone | None = None) -> Reading:
        """The reading. Raises a `Fault`."""


class Reader:
    """`first` is ExifTool behind the cache; `second` reads the main fields when ExifTool is not to be had.

    What `second` gives is not cached: it would hide ExifTool's answer once that is installed.
    """

    def __init__(self, first: Cached, second: Plain) -> None:
        self._first = first
        self._second = second

    def read(self, file: Subject, gone: Gone | None = None) -> tuple[Reading, bool]:
        """The reading, and whether it was there already. Raises a `Fault`."""
        try:
            return self._first.read(file, gone)
        except EngineUnavailable as problem:
            _log.info("the built-in reader is used: %s", problem.message)
            return self._second.read(file, gone), False
