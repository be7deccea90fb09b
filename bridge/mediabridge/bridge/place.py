"""One supervised place: does what `decide` decided, with one child at a time."""

from __future__ import annotations

import os
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from . import events as ev
from .child import Child, ChildLike, Launch
from .diagnosis import START_FAILED, Evidence, diagnose
from .health import Answer, ProbeTarget, probe
from .interpreter import Machine, find
from .lifecycle import LIVE, Life, Rules, decide
from .listener import Address, Listener, OwnPort, listen, stranger
from .loop import Job
from .memory import oom_kills, resident_bytes
from .options import BridgeOptions
from .output import Sink
from .status import ExitStatus, Failure, FailureKind, ReplicaStatus, State
from .target import Target

Spawner = Callable[[Launch, Sink, Callable[[ExitStatus], None]], ChildLike]
Prober = Callable[[ProbeTarget, float], Answer]

# Output is not held back until a buffer is full, and is UTF-8 on every system.
CHILD_ENV = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that a place needs of the world; tests pass doubles."""

    post: Callable[[Job], None]
    later: Callable[[float, Job], None]
    tell: Callable[[Place, ev.Tell], None]
    clock: Callable[[], float]
    dice: Callable[[], float]
    sink: Sink
    spawn: Spawner = Child
    probe: Prober = probe
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class Place:
    """Runs one process. All methods belong to the supervisor's thread.

    `fd` is the held listening socket to hand on, or None when the target binds `address` itself or has none.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        options: BridgeOptions,
        outside: Outside,
        *,
        token: str,
        address: Address | None,
        fd: int | None,
        rules: Rules | None = None,
    ) -> None:
        self.name = name
        self.target = target
        self.address = address
        self.token = token
        self.rules = rules or options.rules
        self.life = Life()
        self.rss: int | None = None
        self._fd = fd
        self._options = options
        self._outside = outside
        self._child: ChildLike | None = None
        self._command: list[str] = []
        self._nonce = ""
        self._oom_kills: int | None = None
        self._private: Listener | None = None  # for health only: an older launch may still accept at the shared one
        self._own_port = OwnPort()
        self._any_port = fd is None and address is not None and not address.port
        self._started_at: datetime | None = None
        self._checked_at: datetime | None = None
        self._probes: queue.SimpleQueue[Callable[[], ev.Event] | None] = queue.SimpleQueue()
        threading.Thread(target=self._probe_loop, name=f"mediabridge-probe-{name}", daemon=True).start()

    def handle(self, event: ev.Event) -> None:
        """Decide, then do."""
        if isinstance(event, ev.ProbePassed | ev.ProbeFailed):
            self._checked_at = self._outside.now()
            self.rss = resident_bytes(self.life.pid) or self.rss  # one that has just died holds nothing
        before = self.life.failure
        self.life, actions = decide(self.life, event, self.rules)
        if self.life.failure is not before:
            self.life = replace(self.life, failure=self._with_output(self.life.failure))
        for action in actions:
            self._do(action)

    def _with_output(self, failure: Failure | None) -> Failure | None:
        """A failure without evidence of its own gets what the child has written so far."""
        if failure is None or failure.stderr_head or self._child is None:
            return failure
        head, tail = self._child.stderr
        return replace(failure, stderr_head=head, stderr_tail=tail)

    def close(self) -> None:
        """End the prober's thread, and a child that is still there."""
        self._probes.put(None)
        self._own_port.close()
        if self._child is not None:
            self._child.kill()
        self._forget()

    def _forget(self) -> None:
        if self._child is not None:
            self._child.release()
            self._child = None
        if self._private is not None:
            self._private.close()
            self._private = None

    @property
    def generation(self) -> int:
        """Another number for every process that ever sits here."""
        return self.life.pid or 0

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
            rss_bytes=self.rss if life.pid else None,
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
                failure = self.life.failure if action.failure is not None else None
                self._outside.tell(self, replace(action, failure=failure))
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
            case ev.Forget():
                self._forget()

    # Health.

    def _ask_for_health(self, launch: int) -> None:
        if launch != self.life.launch or self.life.state not in LIVE:
            return
        target, child = self.target, self._child
        address = self._private.address if self._private else self.address
        if target.health_path is None or address is None or child is None:
            self.handle(ev.ProbePassed(launch, self._outside.clock()))
            return
        question = ProbeTarget(
            host=address.host,
            port=address.port,
            uds=address.uds,
            path=target.health_path,
            token=self.token,
            nonce=self._nonce if target.echoes_nonce else None,
            expect=target.expect,
        )
        starting = self.life.state is State.STARTING
        timeout_s = self._options.probe_timeout_s if starting else self._options.liveness_timeout_s
        check_owner = starting and self._fd is None and not address.uds and not target.echoes_nonce

        def ask() -> ev.Event:
            answer = self._outside.probe(question, timeout_s)
            if answer.ok and check_owner and (who := stranger(address, child.owns)):
                answer = Answer(ok=False, reason=f"{address} is answered by {who}, not by this sidecar")
            if answer.ok:
                return ev.ProbePassed(launch, self._outside.clock(), answer.pid)
            return ev.ProbeFailed(launch, answer.reason)

        self._probes.put(ask)

    def _probe_loop(self) -> None:
        while (ask := self._probes.get()) is not None:
            event = ask()
            self._outside.post(lambda event=event: self.handle(event))  # type: ignore[misc]  # bound now, not later

    # Start and end.

    def _spawn(self, launch: int) -> None:
        outside = self._outside
        prepared = self._prepare()
        if isinstance(prepared, Failure):
            self.handle(ev.SpawnFailed(launch, prepared, outside.dice()))
            return
        try:
            self._child = outside.spawn(prepared, outside.sink, lambda status: self._report_exit(launch, status))
        except (OSError, ValueError) as problem:  # ValueError: a NUL in the command, an odd name in the environment
            self.handle(ev.SpawnFailed(launch, _not_spawned(problem), outside.dice()))
            return
        self._started_at = outside.now()
        self.handle(ev.Spawned(launch, self._child.pid, outside.clock()))

    def _prepare(self) -> Launch | Failure:
        """Interpreter, address and environment of the next launch; or what is wrong with them."""
        options, target = self._options, self.target
        python = find(Machine(os.environ), options.python, own_first=target.own_interpreter)
        if isinstance(python, Failure):
            return python
        env = {**os.environ, **CHILD_ENV, **options.env, **target.env, "MEDIABRIDGE_TOKEN": self.token}
        where = self._where_to_listen()
        if isinstance(where, Failure):
            return where
        self._nonce, self.rss, self._oom_kills = secrets.token_urlsafe(16), None, oom_kills()
        self._command = target.command(str(Path(python).absolute()))  # the child may run in another folder
        more, fds = where
        return Launch(self.name, self._command, env | more, self._nonce, target.cwd, fds)

    def _where_to_listen(self) -> tuple[dict[str, str], tuple[int, ...]] | Failure:
        """Variables and descriptors that tell the child where to listen."""
        if self.address is None:
            return {}, ()
        if self._fd is None:
            own = self._own_address(self.address)
            return own if isinstance(own, Failure) else (own, ())
        private = listen("127.0.0.1", 0)
        if isinstance(private, Failure):
            return private
        self._private = private
        fds = (self._fd, private.socket.fileno())
        return {"MEDIABRIDGE_LISTEN_FD": ",".join(map(str, fds))}, fds

    def _own_address(self, address: Address) -> dict[str, str] | Failure:
        """Of a sidecar that binds it itself; free now."""
        if address.uds:
            free = listen(address.host, address.port, address.uds)
            if isinstance(free, Failure):
                return free
            free.close()
            return {"FLASK_SOCKET": address.uds}
        port = self._own_port.find(address)
        if isinstance(port, Failure) and self._any_port:
            port = self._own_port.find(replace(address, port=0))
        if isinstance(port, Failure):
            return port
        self.address = replace(address, port=port)
        return {"FLASK_HOST": address.host, "FLASK_PORT": str(port)}

    def _report_exit(self, launch: int, status: ExitStatus) -> None:
        at = self._outside.clock()  # this is the child's thread: what the end means is found out on the supervisor's
        self._outside.post(lambda: self._ended(launch, status, at))

    def _ended(self, launch: int, status: ExitStatus, at: float) -> None:
        if launch != self.life.launch:
            return
        head, tail = self._child.stderr if self._child else ("", "")
        kills = oom_kills()
        evidence = Evidence(
            exit=status,
            stderr_head=head,
            stderr_tail=tail,
            command=self._command,
            target=self.target.name,
            ready=self.life.ready_at is not None,
            rss_bytes=self.rss,
            killed_for_memory=status.signal == "SIGKILL" and kills is not None and kills != self._oom_kills,
            who="The worker" if self.address is None else "The sidecar",
        )
        failure = diagnose(evidence)
        if self._any_port and failure.kind is FailureKind.PORT_IN_USE:
            failure = replace(failure, permanent=False)  # somebody was faster: the next start finds another port
        self.handle(ev.Exited(launch, status, failure, at, self._outside.dice()))


def _not_spawned(problem: OSError | ValueError) -> Failure:
    missing = isinstance(problem, FileNotFoundError | NotADirectoryError | ValueError)
    why = f"{problem.strerror}: {problem.filename}" if isinstance(problem, OSError) else str(problem)
    return Failure(
        FailureKind.TARGET_MISSING if missing else FailureKind.PERMISSION_DENIED,
        START_FAILED,
        f"The sidecar cannot be started ({why}).",
        "Check the working folder, the interpreter, the command and the environment.",
        permanent=True,
    )
