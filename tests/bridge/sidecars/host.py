"""A small host: starts one bridge as its argument (JSON) says, writes its events to the file HOST_EVENTS.

SIGINT, SIGTERM: stop and end with 0; another one while it stops: kill. SIGUSR1: reload.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import sys
import termios
import time
from dataclasses import replace

from mediabridge.bridge import (
    BridgeEvent,
    BridgeOptions,
    Console,
    PythonBridge,
    RestartRules,
    Rules,
    StartError,
    script,
    wsgi,
)

spec = json.loads(sys.argv[1])
log = os.open(os.environ["HOST_EVENTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def tell(what: str, **more: object) -> None:
    """One line, written at once."""
    os.write(log, json.dumps({"what": what, "at": time.monotonic(), **more}).encode() + b"\n")


def made() -> PythonBridge:
    """The bridge that the argument describes."""
    name, *args = spec["target"]
    options = {"takes_socket": True, "echoes_nonce": True, "own_interpreter": True, **spec.get("fields", {})}
    target = wsgi(name, **options) if ":" in name else script(name, *args, **options)
    rules = Rules(start_tries=1000, start_interval_s=0.02, restart=RestartRules(**spec.get("restart", {})))
    return PythonBridge(
        BridgeOptions(
            target=target, rules=replace(rules, **spec.get("rules", {})), **{"port": 0, **spec.get("options", {})}
        ),
        sink=Console(*spec.get("console", (1, 2))),
    )


def heard(event: BridgeEvent) -> None:
    """What the bridge says; `ready` with all that a client needs."""
    more: dict[str, object] = {"pid": event.pid, "words": event.words}
    if event.what == "ready":
        more |= {"url": bridge.url, "token": bridge.token}
    tell(event.what, **more)


def run() -> None:
    """Until a signal comes."""
    try:
        bridge.start()
    except StartError as problem:
        tell("refused", words=str(problem))
    if spec.get("fork") and (copy := os.fork()):
        tell("forked", pid=copy)
    if "leave" in spec:
        leave(spec["leave"])
    while True:
        signal.pause()


def leave(how: str) -> None:
    """End without a stop."""
    tell("leaves")
    if how == "raise":
        raise RuntimeError(how)
    if how == "_exit":
        os._exit(0)
    sys.exit()


def stop() -> None:
    """Orderly; a second signal is impatient."""
    try:
        bridge.stop()
    except KeyboardInterrupt:
        bridge.kill()


if spec.get("terminal"):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
bridge = made()
bridge.subscribe(heard)
signal.signal(signal.SIGTERM, signal.default_int_handler)
signal.signal(signal.SIGUSR1, lambda *_: bridge.reload())
tell("host", pid=os.getpid())
try:
    run()
except KeyboardInterrupt:
    stop()
tell("ended")
