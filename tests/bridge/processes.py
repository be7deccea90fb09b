"""Real processes: found by a mark in their environment, waited for with a deadline, and bridges that leave none."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from mediabridge.bridge import (
    Block,
    BridgeEvent,
    BridgeOptions,
    PythonBridge,
    RestartRules,
    Rules,
    Sink,
    Target,
    script,
    wsgi,
)

SIDECARS = Path(__file__).parent / "sidecars"
MARK = "MEDIABRIDGE_TEST_MARK"
GONE_S = 2.0  # how long after the host's death anything may live
WATCHER = "mediabridge-eye"

T = TypeVar("T")


def until(condition: Callable[[], T], timeout_s: float = 5.0, what: str | Callable[[], str] = "") -> T:
    """The first true value of `condition`; fails when the time is over, and says what was waited for."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what() if callable(what) else what or condition}")
        time.sleep(0.005)


def holds(condition: Callable[[], object], for_s: float) -> bool:
    """Whether `condition` stays true for that long."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        if not condition():
            return False
        time.sleep(0.01)
    return True


def state_of(pid: int) -> str:
    """The letter of proc(5); X when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
    except OSError:
        return "X"


def alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    return state_of(pid) not in "ZX"


def living(mark: str) -> dict[int, str]:
    """Pid -> name of all living processes that carry the mark in their environment; ourselves left out."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with contextlib.suppress(OSError):
            if pid != os.getpid() and wanted in (folder / "environ").read_bytes() and alive(pid):
                found[pid] = (folder / "comm").read_text().strip()
    return found


def without_watchers(mark: str) -> list[int]:
    """The same, the bridge's own watchers left out."""
    return [pid for pid, name in living(mark).items() if name != WATCHER]


def sweep(mark: str) -> None:
    """Kill whatever carries the mark; for the end of a test that failed."""
    for pid in living(mark):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def gone_within(mark: str, timeout_s: float = GONE_S) -> float:
    """Seconds until nothing with the mark lives; fails, and names what lives, when that takes too long."""
    begin = time.monotonic()
    while left := living(mark):
        if time.monotonic() - begin > timeout_s:
            raise AssertionError(f"still alive after {timeout_s:g} s: {left}")
        time.sleep(0.005)
    return time.monotonic() - begin


QUICK = Rules(
    start_timeout_s=10,
    start_tries=2000,
    start_interval_s=0.01,
    liveness_interval_s=0.1,
    grace_s=2,
    restart=RestartRules(base_s=0.01),
)


def sidecar(name: str, *args: object, **options: object) -> Target:
    """One of our hostile scripts. It takes the held socket and proves its identity unless told otherwise."""
    defaults = {"takes_socket": True, "echoes_nonce": True, "own_interpreter": True}
    return script(str(SIDECARS / f"{name}.py"), *map(str, args), **(defaults | options))


def application(**options: object) -> Target:
    """`application.py` behind the bridge's own WSGI runner."""
    return wsgi("application:app", cwd=str(SIDECARS), own_interpreter=True, **options)


class Run:
    """A bridge with everything that it said."""

    def __init__(
        self,
        target: Target,
        rules: Rules = QUICK,
        *,
        sink: Sink | None = None,
        clock: Callable[[], float] = time.monotonic,
        **options: object,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.events: list[tuple[float, BridgeEvent]] = []
        self.blocks: list[Block] = []
        made = BridgeOptions(**{"target": target, "port": 0, "rules": rules, "env": {MARK: self.mark}} | options)
        self.bridge = PythonBridge(made, sink=sink or self.blocks.append, clock=clock)
        self.bridge.subscribe(self._note)

    def _note(self, event: BridgeEvent) -> None:
        self.events.append((time.monotonic(), event))

    @property
    def said(self) -> list[str]:
        """The events' words in order."""
        return [event.what for _, event in self.events]

    def lines(self, stream: str | None = None) -> list[str]:
        """What the children printed."""
        return [line for block in tuple(self.blocks) if stream in (None, block.stream) for line in block.lines()]

    def at(self, what: str) -> list[float]:
        """The moments of one kind of event."""
        return [moment for moment, event in self.events if event.what == what]

    def family(self) -> list[int]:
        """Pids of everything below the bridge, watchers left out."""
        return without_watchers(self.mark)


@contextlib.contextmanager
def bridge(target: Target, rules: Rules = QUICK, **options: object) -> Iterator[Run]:
    """A bridge that is not started yet; at the end nothing of it may be left."""
    run = Run(target, rules, **options)  # type: ignore[arg-type]
    try:
        yield run
    finally:
        run.bridge.kill()
        try:
            gone_within(run.mark)
        finally:
            sweep(run.mark)
