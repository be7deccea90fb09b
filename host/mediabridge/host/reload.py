"""Watches the sidecar's code in development and has the bridge replace the process when it changes."""

from __future__ import annotations

import importlib.util
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from mediabridge.bridge import Target

log = logging.getLogger("mediabridge.host")

DEBOUNCE_MS = 300


def folders_of(target: Target) -> list[Path]:
    """Where a target's code lies; nothing for code that was installed, which nobody edits."""
    if target.kind == "script":
        found = [Path(target.cwd or ".", target.name).resolve().parent]
    elif target.cwd:
        found = [Path(target.cwd).resolve()]
    else:
        spec = importlib.util.find_spec(target.name.partition(":")[0])
        found = [Path(spec.origin).parent] if spec is not None and spec.origin else []
    installed = Path(sys.prefix).resolve()
    return [folder for folder in found if folder.is_dir() and installed not in folder.parents]


class CodeWatch:
    """A thread that waits for changed Python files."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, changed: Callable[[], None]) -> None:
        """Call `changed` after every change, a burst of changes counting as one."""
        if self._folders:
            self._thread = threading.Thread(target=self._run, args=(changed,), name="mediabridge-watch", daemon=True)
            self._thread.start()

    def _run(self, changed: Callable[[], None]) -> None:
        import watchfiles  # noqa: PLC0415  60 ms that only development pays, after the start

        changes = watchfiles.watch(
            *self._folders,
            watch_filter=watchfiles.PythonFilter(),
            stop_event=self._stop,
            debounce=DEBOUNCE_MS,
            raise_interrupt=False,
        )
        for batch in changes:
            names = sorted({Path(path).name for _, path in batch})
            log.info("code changed (%s): the sidecar is replaced", ", ".join(names[:3]))
            changed()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2)
