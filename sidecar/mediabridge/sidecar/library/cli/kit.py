"""What the words of `mediabridge library` are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from mediabridge.sidecar.library.export.job import Parts
from mediabridge.sidecar.library.importing.job import Tools
from mediabridge.sidecar.processing import Processing


@dataclass(frozen=True, slots=True)
class Kit:
    """`export_parts` gives what an export works with, for the folders below which it may write; `import_tools` the same
    for an import. `instance` is INSTANCE_PATH.
    """

    processing: Processing
    export_parts: Callable[[Sequence[str]], AbstractContextManager[Parts]]
    import_tools: Callable[[], Tools]
    instance: Path
