"""The user's own command beside the sidecar: `mediabridge dev -- node server.js`."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence

from mediabridge.bridge import Child, ExitStatus, Launch, PythonBridge, Sink


class Beside:
    """Runs the command with the sidecar's address in its environment; `on_end` is called once, when it has ended."""

    def __init__(self, command: Sequence[str], sink: Sink, on_end: Callable[[ExitStatus], None]) -> None:
        self._command = tuple(command)
        self._sink = sink
        self._on_end = on_end
        self._child: Child | None = None
        self._ended = threading.Event()
        self.exit: ExitStatus | None = None

    def start(self, bridge: PythonBridge, own_url: str) -> None:
        """Start it. Raises OSError when even the launcher cannot be started."""
        env = {**os.environ, "MEDIABRIDGE_URL": own_url, "SIDECAR_TOKEN": bridge.token}
        routes = bridge.routes()
        env["SIDECAR_URL"] = (routes[0].address if routes else bridge.address).url
        self._child = Child(Launch("host", self._command, env, secrets.token_urlsafe(16)), self._sink, self._exited)

    def _exited(self, status: ExitStatus) -> None:
        self.exit = status
        self._ended.set()
        self._on_end(status)

    def stop(self, grace_s: float) -> None:
        """Ask its group to end, wait, kill the whole tree; what it left behind goes too."""
        child = self._child
        if child is None:
            return
        if not self._ended.is_set():
            child.ask()
            self._ended.wait(grace_s)
        child.kill()
        self._ended.wait(1.0)
        child.release()

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill()
