"""The job `import` with the worker's parts: what `library/importing` needs, out of settings and `Processing`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from mediabridge.config import Settings

from .extraction.cores import processes
from .extraction.engine import Engine, Wear
from .extraction.fallback import BuiltinExtractor
from .extraction.pool import start_pool
from .jobs.handling import Run
from .library.dates import zone_of
from .library.importing.job import Tools, run_import
from .limits import MIB
from .processing import Processing, most_decoders

_ENDS_S = 1.0  # for ExifTool, once a job is over


def imported(settings: Settings, parts: Processing, run: Run) -> dict[str, Any]:
    """`{"path"}` or `{"uploads": […]}` → the counts of its files."""
    return run_import(tools(settings, parts), run.job.id, run)


def tools(settings: Settings, parts: Processing) -> Tools:
    """What an import works with."""
    return Tools(
        door=parts.library,
        shelf=parts.shelf,
        engine=partial(engine_for_a_job, settings),
        second=BuiltinExtractor(parts.runner, settings.extract_timeout_s),
        local=parts.store.local,
        new_path=parts.derived.new_path,
        zone=zone_of(settings.timezone),
        timeout_s=settings.extract_timeout_s,
        # One more than can read: files are hashed and rows built while the others read.
        readers=processes(settings.extract_processes) + 1,
        decoders=most_decoders() + 1,
    )


@contextlib.contextmanager
def engine_for_a_job(settings: Settings) -> Iterator[Engine]:
    """ExifTool for one job; the sidecar's own is not disturbed."""
    wear = Wear(settings.extract_recycle_files, settings.extract_recycle_mb * MIB)
    engine = start_pool(settings.exiftool_path, settings.extract_processes, wear)
    try:
        yield engine
    finally:
        engine.close(_ENDS_S)
