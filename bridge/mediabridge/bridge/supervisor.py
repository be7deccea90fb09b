"""`PythonBridge`: the public face of the bridge. One thread, one queue; everything is decided there."""

from __future__ import annotations

import heapq
import itertools
import logging
import queue
import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from . import events as ev
from .errors import NotRunningError, error_of
from .interpreter import START_FAILED
from .listener import Listener, listen
from .options import BridgeOptions
from .output import Sink
from .place import Job, Outside, Place, Prober, Spawner
from .status import Failure, FailureKind, State, Status, WhyNotReady
from .summary import summarize
from .writer import Console

log = logging.getLogger("mediabridge.bridge")

STOP_MARGIN_S = 5.0  # past the grace time, for kill, last output and processes in uninterruptible sleep


@dataclass(frozen=True, slots=True)
class BridgeEvent:
    """What listeners get. `what`: starting, ready, unhealthy, exited, start_timeout, restarting, killing, failed…"""

    what: str
    replica: str
    status: Status
    failure: Failure | None = None
    words: str = ""


Listen = Callable[[BridgeEvent], None]


class PythonBridge:
    """Starts a Python sidecar, knows when it is ready and why it is not, forwards its output, and ends it.

    All methods may be called from any thread. `start` raises a `StartError` whose `failure` has the words for a person;
    the bridge then goes on answering `status()`, so that a proxy can say the same.
    """

    def __init__(
        self,
        options: BridgeOptions | None = None,
        *,
        sink: Sink | None = None,
        spawn: Spawner | None = None,
        probe: Prober | None = None,
        clock: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.options = options or BridgeOptions()
        self.token = secrets.token_urlsafe(24)
        self._sink = sink
        self._own_console: Console | None = None
        self._doubles: dict[str, object] = {
            name: double for name, double in (("spawn", spawn), ("probe", probe)) if double is not None
        }
        self._clock = clock
        self._dice = dice
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._places: list[Place] = []
        self._listener: Listener | None = None
        self._listeners: list[Listen] = []
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._changed = threading.Condition()
        self._status = Status(State.STOPPED, WhyNotReady.NOT_STARTED)

    # What hosts call.

    def start(self, *, wait: bool = True) -> None:
        """Start the sidecar; with `wait`, return when it is ready. Does nothing while it runs.

        Raises a StartError when it does not become ready. Without `wait`, `status()` tells.
        """
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._open()
            elif self._status.state is State.FAILED:
                self._publish(Status(State.STARTING, WhyNotReady.STARTING))
                self._start_places()
        if wait:
            self._wait_for_start()

    def _open(self) -> None:
        options = self.options
        listener = listen(options.host, options.port, options.uds)
        if isinstance(listener, Failure):
            self._publish(Status(State.FAILED, WhyNotReady.START_FAILED, failure=listener))
            self._announce(BridgeEvent("failed", "bridge", self._status, listener))
            return
        self._listener = listener
        self._publish(Status(State.STARTING, WhyNotReady.STARTING))
        self._jobs, self._timers = queue.SimpleQueue(), []
        if self._sink is None:
            self._own_console = Console()
        self._places = [Place("Python", options, listener, self.token, self._outside())]
        self._start_places()
        self._thread = threading.Thread(target=self._run, name="mediabridge-bridge", daemon=True)
        self._thread.start()

    def _start_places(self) -> None:
        self._jobs.put(lambda: self._all(ev.StartAsked()))

    def _outside(self) -> Outside:
        sink = self._sink or self._own_console
        if sink is None:
            raise NotRunningError("the bridge has no sink")
        return Outside(
            post=self._jobs.put,
            later=self._later,
            tell=self._tell,
            clock=self._clock,
            dice=self._dice,
            sink=sink,
            **self._doubles,  # type: ignore[arg-type]  # spawn and probe, by their names
        )

    def _wait_for_start(self) -> None:
        settled = (State.READY, State.FAILED, State.STOPPED)
        with self._changed:
            self._changed.wait_for(lambda: self._status.state in settled)
            status = self._status
        if status.failure is not None and not status.ready:
            raise error_of(status.failure)
        if not status.ready:
            raise error_of(
                Failure(FailureKind.EXITED, START_FAILED, "The bridge was stopped while it started.", "Start it again.")
            )

    def is_ready(self) -> bool:
        """Whether requests may be forwarded now."""
        return self._status.ready

    def status(self) -> Status:
        """The newest snapshot. Cheap: nothing is asked of the child."""
        return self._status

    @property
    def url(self) -> str:
        """Where the sidecar listens, as `http://host:port` or `unix:path`. Raises NotRunningError before the start."""
        if self._listener is None:
            raise NotRunningError("the bridge has not been started")
        return self._listener.url

    @property
    def listener(self) -> Listener | None:
        """The held listening socket, while there is one."""
        return self._listener

    def wait_for(self, *states: State, timeout_s: float | None = None) -> bool:
        """Wait until the state is one of `states`; False when the time is over first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._status.state in states, timeout_s)

    def subscribe(self, listener: Listen) -> Callable[[], None]:
        """Have `listener` called with every `BridgeEvent`, on the bridge's thread; gives back how to end it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def stop(self) -> None:
        """End the sidecar with its whole tree: ask, wait `grace_s`, kill. Returns when all is gone."""
        self._finish(ev.StopAsked(), self.options.rules.grace_s + STOP_MARGIN_S)

    def kill(self) -> None:
        """End the sidecar with its whole tree at once."""
        self._finish(ev.KillAsked(), STOP_MARGIN_S)

    def _finish(self, event: ev.Event, timeout_s: float) -> None:
        thread = self._thread
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            self._jobs.put(lambda: self._all(event))
            thread.join(timeout_s)
            if thread.is_alive():
                log.error("the sidecar did not end within %.1f s; its processes may still live", timeout_s)
        if self._status.state is not State.STOPPED:
            self._publish(Status(State.STOPPED, WhyNotReady.STOPPED))

    def _all(self, event: ev.Event) -> None:
        for place in self._places:
            place.handle(event)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # The supervisor's thread.

    def _run(self) -> None:
        try:
            while True:
                job = self._next()
                if job is not None:
                    job()
                self._publish(summarize([(place.life, place.snapshot()) for place in self._places]))
                if self._ended():
                    return
        finally:
            self._close()

    def _ended(self) -> bool:
        return all(place.life.state is State.STOPPED and place.life.launch for place in self._places)

    def _next(self) -> Job | None:
        """The next job: a timer that is due, or what comes first."""
        while True:
            wait = self._timers[0][0] - self._clock() if self._timers else None
            if wait is not None and wait <= 0:
                return heapq.heappop(self._timers)[2]
            try:
                return self._jobs.get(timeout=wait)
            except queue.Empty:
                continue

    def _later(self, delay_s: float, job: Job) -> None:
        heapq.heappush(self._timers, (self._clock() + delay_s, next(self._order), job))

    def _close(self) -> None:
        for place in self._places:
            place.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._own_console is not None:
            self._own_console.close()
            self._own_console = None

    def _publish(self, status: Status) -> None:
        with self._changed:
            if status != self._status:
                self._status = status
                self._changed.notify_all()

    def _tell(self, replica: str, tell: ev.Tell) -> None:
        status = summarize([(place.life, place.snapshot()) for place in self._places])
        self._publish(status)
        self._announce(BridgeEvent(tell.what, replica, status, tell.failure, tell.words))

    def _announce(self, event: BridgeEvent) -> None:
        log_event(event)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:  # a listener's fault must not end the supervision
                log.exception("a listener failed on %s", event.what)


def log_event(event: BridgeEvent) -> None:
    """One line for the log: confirmations as info, failures as warnings with exit, stderr and mend."""
    pid = f" (pid {event.status.pid})" if event.status.pid else ""
    failure = event.failure
    if event.what in ("exited", "failed", "start_timeout", "unhealthy") and failure is not None:
        stderr = (failure.stderr_tail or failure.stderr_head).strip()
        tail = f"\n  its last words: {stderr[-2000:]}" if stderr and event.what == "exited" else ""
        log.warning("%s: %s: %s %s%s", event.replica, event.what, failure.message, failure.suggestion, tail)
    elif event.what in ("killing", "left_behind"):
        log.warning("%s%s: %s", event.replica, pid, WORDS[event.what])
    else:
        log.info("%s%s is %s%s", event.replica, pid, event.what, f" {event.words}" if event.words else "")


WORDS = {
    "killing": "did not end in time after SIGTERM and is killed",
    "left_behind": "does not react to SIGKILL (uninterruptible sleep) and is left behind",
}
