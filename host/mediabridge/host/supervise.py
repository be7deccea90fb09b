"""`mediabridge supervise`: the bridge for a host in another language. JSON events out, words in."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Callable
from typing import TextIO

from mediabridge.bridge import (
    WORKER_NAME,
    Block,
    BridgeEvent,
    BridgeOptions,
    Console,
    PythonBridge,
    StartError,
    event_json,
    status_json,
)


class Supervise:
    """Writes one JSON object a line. Events of CONTRACT §1; `ready` also says `url` and `token`.

    Those of the worker are `worker_ready` and so on: nobody is served by it.
    """

    def __init__(self, options: BridgeOptions, console: Console, source: TextIO) -> None:
        self._console = console
        self._source = source
        self._bridge = PythonBridge(options, sink=self._child_lines)
        self._bridge.subscribe(self._on_event)
        self._end = threading.Event()
        self._words: dict[str, Callable[[], None]] = {
            "status": self._status,
            "reload": self._bridge.reload,
            "stop": self._end.set,
        }

    def run(self) -> int:
        """Blocks until the input ends, `stop` comes, or a signal does."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        threading.Thread(target=self._listen, name="mediabridge-stdin", daemon=True).start()
        with contextlib.suppress(StartError):  # told as an event
            self._bridge.start(wait=False)
        self._end.wait()
        self._bridge.stop()
        return 0

    def _on_signal(self, *_: object) -> None:
        if self._end.is_set():
            self._bridge.kill()
        self._end.set()

    def _child_lines(self, block: Block) -> None:
        """Standard output belongs to the events: what the child prints goes to standard error."""
        self._console(Block(block.source, "stderr", block.data))

    def _on_event(self, event: BridgeEvent) -> None:
        if event.replica == WORKER_NAME:
            self._write({**event_json(event), "event": f"worker_{event.what}"})
            return
        more: dict[str, object] = {}
        if event.what == "ready":
            routes = self._bridge.routes()
            more = {
                "url": self._bridge.url,
                "token": self._bridge.token,
                "routes": [{"url": route.address.url, "generation": route.generation} for route in routes],
            }
        self._write(event_json(event, **more))

    def _status(self) -> None:
        self._write({"event": "status", "status": status_json(self._bridge.status())})

    def _write(self, content: dict[str, object]) -> None:
        self._console.line(json.dumps(content), "stdout")

    def _listen(self) -> None:
        for line in self._source:
            word = _word(line)
            action = self._words.get(word)
            if action is not None:
                action()
            elif word:
                known = ", ".join(self._words)
                message = f"Unknown command {word[:100]!r}."
                self._write({"event": "error", "message": message, "suggestion": f"Use {known}."})
        self._end.set()


def _word(line: str) -> str:
    """`stop`, or `{"command": "stop"}`."""
    text = line.strip()
    if text.startswith("{"):
        with contextlib.suppress(ValueError):
            return str(json.loads(text).get("command", ""))
    return text
