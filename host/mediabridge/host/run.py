"""Puts settings, bridge, proxy and server together for `dev` and `serve`."""

from __future__ import annotations

import logging

from mediabridge.bridge import BridgeOptions, Console, Failure, PythonBridge, Sink, listen
from mediabridge.config import Settings

from .app import create_app
from .beside import Beside
from .logs import json_sink
from .reload import CodeWatch, folders_of
from .serve import Runner

log = logging.getLogger("mediabridge.host")


def run(settings: Settings, console: Console, *, production: bool, reload: bool, command: tuple[str, ...]) -> int:
    """Listen, start, serve until the end; gives the exit code. 1 when the address cannot be had."""
    listener = listen(settings.host, settings.port, setting="")
    if isinstance(listener, Failure):
        log.error("cannot listen: %s %s", listener.message, listener.suggestion)
        return 1
    sink: Sink = json_sink(console) if production else console
    options = BridgeOptions.from_settings(settings)
    bridge = PythonBridge(options, sink=sink)
    runner = Runner(
        bridge,
        create_app(bridge, settings),
        listener,
        grace_s=options.rules.grace_s,
        watch=CodeWatch(folders_of(options.target)) if reload else None,
    )
    log.info("listening on %s", listener.address.url)
    return runner.run(Beside(command, sink, runner.beside_ended) if command else None)
