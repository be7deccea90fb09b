"""A host program as a process of its own, to be killed in every way; `host.py` is what it runs."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .processes import MARK, SIDECARS, gone_within, sweep, until

Json = dict[str, Any]


class Host:
    """Runs `host.py`; `events` is what its bridge said so far. With `terminal` it leads a session on a pty."""

    def __init__(self, folder: Path, *, terminal: bool = False, pass_fds: tuple[int, ...] = (), **spec: object) -> None:
        self.mark = uuid.uuid4().hex
        self._log = folder / "events"
        self._log.touch()
        self._output = folder / "output"
        self.terminal = -1
        environ = {**os.environ, MARK: self.mark, "HOST_EVENTS": str(self._log)}
        command = [sys.executable, str(SIDECARS / "host.py"), json.dumps({**spec, "terminal": terminal})]
        if terminal:
            self.terminal, child = pty.openpty()
            self.process = subprocess.Popen(
                command, stdin=child, stdout=child, stderr=child, env=environ, start_new_session=True
            )
            os.close(child)
            os.set_blocking(self.terminal, False)
        else:
            with self._output.open("wb") as output:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ, pass_fds=pass_fds
                )

    @property
    def events(self) -> list[Json]:
        """Every event so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    @property
    def said(self) -> list[str]:
        """The events' words in order."""
        return [event["what"] for event in self.events]

    @property
    def output(self) -> str:
        """What host and sidecar wrote."""
        if self.terminal >= 0:
            with contextlib.suppress(OSError), self._output.open("ab") as file:
                while chunk := os.read(self.terminal, 65536):
                    file.write(chunk)
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def close_terminal(self) -> None:
        """As when its window is closed."""
        os.close(self.terminal)
        self.terminal = -1

    def wait_for(self, what: str, timeout_s: float = 10.0) -> Json:
        """The first event of that kind."""
        return until(
            lambda: next((event for event in self.events if event["what"] == what), None),
            timeout_s,
            lambda: f"event {what}, got {self.said}\n{self.output}",
        )

    def close(self) -> None:
        """End everything; fails when the bridge left something although the host is gone."""
        self.process.kill()
        self.process.wait(10)
        if self.terminal >= 0:
            self.close_terminal()
        try:
            gone_within(self.mark)
        finally:
            sweep(self.mark)


@contextlib.contextmanager
def host(**spec: object) -> Iterator[Host]:
    """A host that runs; at the end nothing of it may be left."""
    with tempfile.TemporaryDirectory() as folder:
        running = Host(Path(folder), **spec)  # type: ignore[arg-type]
        try:
            yield running
        finally:
            running.close()
