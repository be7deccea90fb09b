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
    say_where(listener.address.url, asked_port=settings.port)
    return runner.run(Beside(command, sink, runner.beside_ended) if command else None)


def say_where(url: str, *, asked_port: int) -> None:
    """Log where the host listens. At any log level when any free port was asked for: nobody else can know it."""
    if asked_port:
        log.info("listening on %s", url)
    else:
        log.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, "listening on %s", (url,), None))
