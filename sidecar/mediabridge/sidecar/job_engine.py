"""ExifTool for one job of the worker; the sidecar's own is not disturbed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mediabridge.config import Settings

from .extraction.engine import Engine, Wear
from .extraction.pool import start_pool
from .limits import MIB

_ENDS_S = 1.0  # for ExifTool, once a job is over


@contextlib.contextmanager
def engine_for_a_job(settings: Settings) -> Iterator[Engine]:
    """A pool that ends with the block."""
    wear = Wear(settings.extract_recycle_files, settings.extract_recycle_mb * MIB)
    engine = start_pool(settings.exiftool_path, settings.extract_processes, wear)
    try:
        yield engine
    finally:
        engine.close(_ENDS_S)
