"""What the worker does: a handler for each kind of job, on parts that are built when the first job comes.

`python -m mediabridge.sidecar.jobs.worker --handlers mediabridge.sidecar.work:handlers` is how the bridge starts it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from mediabridge.config import Settings

from .cache import get_global_monitor
from .faults import EngineUnavailable, InvalidRequest, QueueFull
from .jobs.handling import Handler, Handlers, Run
from .processing import Processing, build_processing
from .text import LANGUAGES, tasks

_PATIENCE_S, _PAUSE_S = 60.0, 0.5


class Parts:
    """The worker's parts: a worker that waits costs little, since it has not even loaded what decodes."""

    def __init__(self, build: Callable[[], Processing]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._built: Processing | None = None

    def __call__(self) -> Processing:
        """The parts; whoever comes first builds them."""
        with self._lock:
            if self._built is None:
                self._built = self._build()
            return self._built

    def close(self) -> None:
        """Close what was built, so that nothing is left behind that looks like a crash. For the end of the process."""
        if self._built is not None:
            self._built.close_processing()


def handlers(settings: Settings) -> Handlers:
    """All that the queue holds is done by these."""
    parts = Parts(lambda: build_processing(settings))
    importer = functools.cache(lambda: _importer(settings, parts()))
    atexit.register(parts.close)

    def imported(run: Run) -> Any:
        return importer()(run)

    return {
        "image": lambda run: pictures(parts(), run),
        "text": lambda run: text(parts(), run),
        "ocr": lambda run: ocr(parts(), run),
        "analysis": lambda run: _analysed(settings, parts(), run),
        "retrain": lambda run: retrained(parts(), run),
        "import": imported,
        "export": lambda run: _exported(settings, parts(), run),
    }


def pictures(parts: Processing, run: Run) -> dict[str, Any]:
    """All presets of a stored original, from one decode: `{"contentHash"}` → `{"presets": [name, …]}`."""
    run.check()
    wait_for_memory(run)
    made = parts.shelf.fill(run.payload["contentHash"])
    run.report(len(made), len(made))
    return {"presets": sorted(made)}


def text(parts: Processing, run: Run) -> dict[str, Any]:
    """The text of a stored document. A scan's OCR is queued; not when too much waits, or it would only fail."""
    wait_for_memory(run)

    def ask_ocr(content_hash: str) -> None:
        with contextlib.suppress(QueueFull, EngineUnavailable, InvalidRequest):  # who asks for it is told
            parts.texts.require(LANGUAGES)
            parts.ahead.submit("ocr", content_hash)

    return tasks.text(parts.texts, run, ask_ocr)


def ocr(parts: Processing, run: Run) -> dict[str, Any]:
    """What OCR reads in a stored picture or document, with the pages as progress."""
    wait_for_memory(run)
    return tasks.ocr(parts.texts, run)


def _importer(settings: Settings, parts: Processing) -> Handler:
    from .imports import Importer  # noqa: PLC0415  SQLAlchemy, which most workers never need

    return Importer(settings, parts)


def _exported(settings: Settings, parts: Processing, run: Run) -> dict[str, Any]:
    from .exports import exported  # noqa: PLC0415

    return exported(settings, parts, run)


def _analysed(settings: Settings, parts: Processing, run: Run) -> dict[str, Any]:
    from .analyses import analysed  # noqa: PLC0415  what most workers never need

    wait_for_memory(run)
    return analysed(settings, parts, run)


def retrained(parts: Processing, run: Run) -> dict[str, Any]:
    """A challenger, trained and judged: `{"domain"}` → every gate with its numbers."""
    wait_for_memory(run)
    return parts.model.retrain(run.report, run.check, run.payload["domain"])


def wait_for_memory(run: Run, critical: Callable[[], bool] | None = None) -> None:
    """Let a shortage of memory pass, for a minute at most: a job that fails for it three times would be dead."""
    critical = critical or get_global_monitor().is_critical_pressure
    until = time.monotonic() + _PATIENCE_S
    while critical() and time.monotonic() < until:
        run.check()
        time.sleep(_PAUSE_S)
