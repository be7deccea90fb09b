"""One supervised place: does what `decide` decided, with one child at a time."""

from __future__ import annotations

import os
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil

from . import events as ev
from .child import Child, ChildLike, Launch
from .diagnosis import Evidence, diagnose
from .health import Answer, ProbeTarget, probe
from .interpreter import Machine, find
from .lifecycle import LIVE, Life, decide
from .listener import Listener
from .options import BridgeOptions
from .output import Sink
from .status import ExitStatus, Failure, FailureKind, ReplicaStatus, State

Job = Callable[[], None]
Spawner = Callable[[Launch, Sink, Callable[[ExitStatus], None]], ChildLike]
Prober = Callable[[ProbeTarget, float], Answer]


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that a place needs of the world; tests pass doubles."""

    post: Callable[[Job], None]
    later: Callable[[float, Job], None]
    tell: Callable[[str, ev.Tell], None]
    clock: Callable[[], float]
    dice: Callable[[], float]
    sink: Sink
    spawn: Spawner = Child
    probe: Prober = probe
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class Place:
    """Runs one replica. All methods but `snapshot` belong to the supervisor's thread."""

    def __init__(self, name: str, options: BridgeOptions, listener: Listener, token: str, outside: Outside) -> None:
        self.name = name
        self.listener = listener
        self.life = Life()
        self._options = options
        self._token = token
        self._outside = outside
        self._child: ChildLike | None = None
        self._command: list[str] = []
        self._nonce = ""
        self._started_at: datetime | None = None
        self._checked_at: datetime | None = None
        self._rss: int | None = None
        self._probes: queue.SimpleQueue[tuple[int, ProbeTarget, float] | None] = queue.SimpleQueue()
        self._prober = threading.Thread(target=self._probe_loop, name=f"mediabridge-probe-{name}", daemon=True)
        self._prober.start()

    def handle(self, event: ev.Event) -> None:
        """Decide, then do."""
        if isinstance(event, ev.ProbePassed | ev.ProbeFailed):
            self._checked_at = self._outside.now()
            self._rss = _rss(self.life.pid)
        self.life, actions = decide(self.life, event, self._options.rules)
        for action in actions:
            self._do(action)

    def close(self) -> None:
        """End the prober's thread, and a child that is still there."""
        self._probes.put(None)
        if self._child is not None:
            self._child.kill()
            self._child.release()
            self._child = None

    def snapshot(self) -> ReplicaStatus:
        """What is known now."""
        life = self.life
        return ReplicaStatus(
            name=self.name,
            state=life.state,
            pid=life.pid,
            started_at=self._started_at if life.pid else None,
            last_health_check_at=self._checked_at,
            restarts=life.restarts,
            last_exit=life.last_exit,
            rss_bytes=self._rss if life.pid else None,
        )

    def _do(self, action: ev.Action) -> None:
        match action:
            case ev.Spawn():
                self._spawn(action.launch)
            case ev.Probe():
                self._outside.later(action.delay_s, lambda: self._ask_for_health(action.launch))
            case ev.Later():
                self._outside.later(action.delay_s, lambda: self.handle(action.event))
            case ev.Tell():
                self._outside.tell(self.name, action)
            case _:
                self._do_to_child(action)

    def _do_to_child(self, action: ev.Action) -> None:
        child = self._child
        match action:
            case ev.Ask() if child:
                child.ask()
            case ev.Kill() if child:
                child.kill()
            case ev.Look():
                self.handle(ev.TreeSeen(action.launch, child.alive() if child else 0))
            case ev.Forget() if child:
                child.release()
                self._child = None

    def _ask_for_health(self, launch: int) -> None:
        if launch != self.life.launch or self.life.state not in LIVE:
            return
        options, target = self._options, self._options.target
        question = ProbeTarget(
            host=self.listener.host,
            port=self.listener.port,
            uds=self.listener.uds,
            path=target.health_path,
            token=self._token,
            nonce=self._nonce if target.echoes_nonce else None,
            expect=target.expect,
        )
        starting = self.life.state is State.STARTING
        self._probes.put((launch, question, options.probe_timeout_s if starting else options.liveness_timeout_s))

    def _probe_loop(self) -> None:
        while (job := self._probes.get()) is not None:
            launch, question, timeout_s = job
            answer = self._outside.probe(question, timeout_s)
            event = (
                ev.ProbePassed(launch, self._outside.clock(), answer.pid)
                if answer.ok
                else ev.ProbeFailed(launch, answer.reason)
            )
            self._outside.post(lambda event=event: self.handle(event))  # type: ignore[misc]  # bound now, not later

    def _spawn(self, launch: int) -> None:
        options, target, outside = self._options, self._options.target, self._outside
        python = find(Machine(os.environ), options.python, own_first=target.own_interpreter)
        if isinstance(python, Failure):
            self.handle(ev.SpawnFailed(launch, python, outside.dice()))
            return
        self._nonce, self._command, self._rss = secrets.token_urlsafe(16), target.command(python), None
        fd = self.listener.socket.fileno()
        env = {**os.environ, **CHILD_ENV, **options.env, **target.env}
        env |= {"MEDIABRIDGE_LISTEN_FD": str(fd), "MEDIABRIDGE_TOKEN": self._token}
        job = Launch(self.name, self._command, env, self._nonce, target.cwd, (fd,))
        try:
            self._child = outside.spawn(job, outside.sink, lambda status: self._report_exit(launch, status))
        except OSError as problem:
            self.handle(ev.SpawnFailed(launch, _not_spawned(problem), outside.dice()))
            return
        self._started_at = outside.now()
        self.handle(ev.Spawned(launch, self._child.pid, outside.clock()))

    def _report_exit(self, launch: int, status: ExitStatus) -> None:
        at = self._outside.clock()  # this is the child's thread: what the end means is found out on the supervisor's
        self._outside.post(lambda: self._ended(launch, status, at))

    def _ended(self, launch: int, status: ExitStatus, at: float) -> None:
        if launch != self.life.launch:
            return
        head, tail = self._child.stderr if self._child else ("", "")
        evidence = Evidence(
            exit=status,
            stderr_head=head,
            stderr_tail=tail,
            command=self._command,
            target=self._options.target.name,
            ready=self.life.ready_at is not None,
            rss_bytes=self._rss,
        )
        self.handle(ev.Exited(launch, status, diagnose(evidence), at, self._outside.dice()))


# Output is not held back until a buffer is full, and is UTF-8 on every system.
CHILD_ENV = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def _rss(pid: int | None) -> int | None:
    if pid is None:
        return None
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None


def _not_spawned(problem: OSError) -> Failure:
    missing = isinstance(problem, FileNotFoundError | NotADirectoryError)
    return Failure(
        FailureKind.TARGET_MISSING if missing else FailureKind.PERMISSION_DENIED,
        "Flask server failed to start",
        f"The sidecar cannot be started ({problem.strerror}: {problem.filename}).",
        "Check the working folder and the interpreter.",
        permanent=True,
    )
