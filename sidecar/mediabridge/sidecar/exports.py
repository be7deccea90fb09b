"""The job `export` with the worker's parts: what `library/export` needs, out of settings and `Processing`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from mediabridge.config import Settings

from .extraction.engine import Wear
from .extraction.pool import start_pool
from .jobs.handling import Run
from .library.dates import zone_of
from .library.export.job import Parts, export
from .library.export.roots import roots_of
from .limits import MIB
from .processing import Processing

_ENDS_S = 1.0  # for ExifTool, once a job is over


def exported(settings: Settings, processing: Processing, run: Run) -> dict[str, Any]:
    """`{"options"}` → how many files were exported, and where the manifest is."""
    with export_parts(settings, processing, roots_of(settings.export_roots)) as parts:
        return export(run.job, parts, run.report, run.check)


@contextlib.contextmanager
def export_parts(settings: Settings, processing: Processing, roots: Sequence[str]) -> Iterator[Parts]:
    """What an export works with; ExifTool for it alone, so that the sidecar's own is not disturbed."""
    wear = Wear(settings.extract_recycle_files, settings.extract_recycle_mb * MIB)
    engine = start_pool(settings.exiftool_path, settings.extract_processes, wear)
    try:
        yield Parts(
            door=processing.library,
            store=processing.store,
            engine=engine,
            timeout_s=settings.extract_timeout_s,
            roots=roots,
            zone=zone_of(settings.timezone),
        )
    finally:
        engine.close(_ENDS_S)
