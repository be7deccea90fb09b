"""The job `import` with the worker's parts: what `library/importing` needs, out of settings and `Processing`."""

from __future__ import annotations

from functools import partial
from typing import Any

from mediabridge.config import Settings

from .extraction.cores import processes
from .extraction.fallback import BuiltinExtractor
from .job_engine import engine_for_a_job
from .jobs.handling import Run
from .library.dates import zone_of
from .library.importing.job import Tools, run_import
from .processing import Processing, most_decoders


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
