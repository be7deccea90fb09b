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
from .library.importing.hashes import Hashes
from .library.importing.job import Tools, run_import
from .processing import Processing, most_decoders


class Importer:
    """The worker's handler: `{"path"}` or `{"uploads": […]}` → the counts of its files."""

    def __init__(self, settings: Settings, parts: Processing) -> None:
        self._tools = tools(settings, parts)

    def __call__(self, run: Run) -> dict[str, Any]:
        """Do one job."""
        return run_import(self._tools, run.job.id, run)


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
        hashes=Hashes(),
        # Two more than can read: files are hashed and dates weighed while the others read.
        readers=processes(settings.extract_processes) + 2,
        decoders=most_decoders() + 1,
    )
