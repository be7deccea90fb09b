"""Doubles for what the bridge takes as arguments: a child without a process, a prober, and a loop the test turns."""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mediabridge.bridge import (
    Address,
    Block,
    BridgeEvent,
    BridgeOptions,
    ExitStatus,
    Failure,
    FailureKind,
    PythonBridge,
    RestartRules,
    Rules,
    Target,
    module,
)
from mediabridge.bridge import events as ev
from mediabridge.bridge.child import Launch
from mediabridge.bridge.fleet import Fleet
from mediabridge.bridge.health import Answer, ProbeTarget
from mediabridge.bridge.loop import Job
from mediabridge.bridge.output import Sink
from mediabridge.bridge.place import Outside

NOBODY = 2**22 + 1  # above the largest pid that Linux gives: nothing real is ever measured or signalled
PATIENCE_S = 10.0  # how long a test waits for what is to happen at once
FAST = Rules(
    start_timeout_s=5.0,
    start_interval_s=0.002,
    liveness_interval_s=0.002,
    unhealthy_after=2,
    replace_after=4,
    grace_s=0.02,
    restart=RestartRules(base_s=0.002, cap_s=0.01, limit=3),
)
ANSWERS = module("double", takes_socket=True, echoes_nonce=True)  # asked for its health by the prober
ALIVE = module("double", takes_socket=True, health_path=None)  # ready as soon as it lives


def failure(kind: FailureKind = FailureKind.EXITED, *, permanent: bool = False) -> Failure:
    return Failure(kind, "error", "message", "suggestion", permanent=permanent)


class FakeChild:
    """Ends when it is asked to, unless it is `deaf`; when it is killed, unless it is `immortal`."""

    def __init__(self, launch: Launch, sink: Sink, on_exit: Callable[[ExitStatus], None], pid: int) -> None:
        self.launch = launch
        self.pid = pid
        self.stderr = ("", "")
        self.deaf = False
        self.immortal = False
        self.calls: list[str] = []
        self.ended = False
        self._sink = sink
        self._on_exit = on_exit

    def prints(self, text: str) -> None:
        self._sink(Block(self.launch.source, "stderr", text.encode()))

    def end(self, code: int | None = None, signal: str | None = None, stderr: str = "") -> None:
        if not self.ended:
            self.ended = True
            self.stderr = (stderr, "")
            self._on_exit(ExitStatus(code, signal))

    def ask(self) -> None:
        self.calls.append("ask")
        if not self.deaf:
            self.end(signal="SIGTERM")

    def kill(self) -> None:
        self.calls.append("kill")
        if not self.immortal:
            self.end(signal="SIGKILL")

    def alive(self) -> int:
        return 0 if self.ended else 1

    def owns(self, pid: int) -> bool:
        return pid == self.pid

    def release(self) -> None:
        self.calls.append("release")


class Nursery:
    """A spawner. `born` gets each new child before the bridge does; it may also raise: no child then."""

    def __init__(self, born: Callable[[FakeChild], None] = lambda child: None, pid: int | None = None) -> None:
        self.children: list[FakeChild] = []
        self.most_alive = 0
        self._born = born
        self._pid = pid

    def __call__(self, launch: Launch, sink: Sink, on_exit: Callable[[ExitStatus], None]) -> FakeChild:
        child = FakeChild(launch, sink, on_exit, self._pid or NOBODY + len(self.children))
        self._born(child)
        self.children.append(child)
        self.most_alive = max(self.most_alive, len(self.alive))
        return child

    @property
    def last(self) -> FakeChild:
        return self.children[-1]

    @property
    def alive(self) -> list[FakeChild]:
        return [child for child in self.children if not child.ended]


def well(_target: ProbeTarget, _timeout_s: float) -> Answer:
    """A prober that every child answers."""
    return Answer(ok=True)


class Health:
    """A prober that answers what it is set to."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[ProbeTarget] = []

    def __call__(self, target: ProbeTarget, _timeout_s: float) -> Answer:
        self.asked.append(target)
        return self.answer


@dataclass
class Heard:
    """A listener that keeps what it was told; as a context it listens to one bridge."""

    events: list[BridgeEvent] = field(default_factory=list)

    def __call__(self, event: BridgeEvent) -> None:
        self.events.append(event)

    @property
    def words(self) -> list[str]:
        return [event.what for event in self.events]


class World:
    """Loop, clock and dice of a fleet, turned by the test: time moves only in `advance`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.blocks: list[Block] = []
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Job]] = []
        self._order = itertools.count()

    def outside(self, spawn: Nursery) -> Outside:
        return Outside(
            post=self._jobs.put,
            later=self._later,
            tell=lambda *_: None,
            clock=lambda: self.now,
            dice=lambda: 0.0,
            sink=self.blocks.append,
            spawn=spawn,
            probe=well,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )

    def _later(self, delay_s: float, job: Job) -> None:
        heapq.heappush(self._timers, (self.now + delay_s, next(self._order), job))

    def advance(self, seconds: float = 0.0, after: Callable[[], None] = lambda: None) -> None:
        """Run all that is posted, then the timers that are due within `seconds`, in order."""
        end = self.now + seconds
        while True:
            while not self._jobs.empty():
                self._jobs.get()()
                after()
            if not self._timers or self._timers[0][0] > end:
                break
            due, _, job = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            job()
            after()
        self.now = end


class Stage:
    """A fleet with doubles around it."""

    def __init__(self, nursery: Nursery | None = None, target: Target = ALIVE, **options: object) -> None:
        self.nursery = nursery or Nursery()
        self.world = World()
        self.heard = Heard()
        given = {"target": target, "port": 0, "rules": Rules(), **options}
        self.options = BridgeOptions(**given)  # type: ignore[arg-type]
        self.fleet = Fleet(self.options, "token", self.world.outside(self.nursery), self.heard)

    def __enter__(self) -> Stage:
        refused = self.fleet.open()
        assert refused is None, refused
        self.fleet.start()
        self.advance()
        return self

    def __exit__(self, *_: object) -> None:
        self.fleet.end(ev.KillAsked())
        self.advance(60)
        self.fleet.close()

    def advance(self, seconds: float = 0.0) -> None:
        self.world.advance(seconds, self.fleet.check_memory)


def bridge(
    nursery: Nursery | None = None,
    probe: Callable[[ProbeTarget, float], Answer] = well,
    rules: Rules = FAST,
    target: Target = ANSWERS,
    **options: object,
) -> PythonBridge:
    """A real bridge on its own thread, with doubles for child, prober and output."""
    given = {"target": target, "port": 0, "rules": rules, **options}
    return PythonBridge(
        BridgeOptions(**given),  # type: ignore[arg-type]
        spawn=nursery or Nursery(),
        probe=probe,
        sink=lambda block: None,
        dice=lambda: 0.0,
    )


def until(condition: Callable[[], object], what: str = "it did not happen in time") -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.002)


def heard(it: PythonBridge) -> Heard:
    listener = Heard()
    it.subscribe(listener)
    return listener


def ends(code: int = 1, stderr: str = "") -> Nursery:
    """All of its children end at once."""
    return Nursery(lambda child: child.end(code=code, stderr=stderr))


def in_thread(job: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=job, daemon=True)
    thread.start()
    return thread


def finish(thread: threading.Thread) -> None:
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


LOCAL = Address("127.0.0.1", 0)
SYNTAX = "Traceback (most recent call last):\nSyntaxError: invalid syntax\n"
Bridges = Callable[..., PythonBridge]
