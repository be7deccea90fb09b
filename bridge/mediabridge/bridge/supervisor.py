"""`PythonBridge`: the public face of the bridge. One thread, one queue; everything is decided there."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from . import events as ev
from .diagnosis import START_FAILED
from .errors import NotRunningError, error_of
from .fleet import Fleet
from .forked import not_in_copies
from .listener import Address
from .loop import Loop
from .options import BridgeOptions
from .output import Sink
from .place import Outside, Prober, Spawner
from .report import BridgeEvent, Listen, log, tell, write
from .single import Published, Single, key_of
from .status import Failure, FailureKind, State, Status, WhyNotReady
from .testing import Pretence, current
from .writer import Console

STOP_MARGIN_S = 5.0  # past the grace time, for kill, last output and processes in uninterruptible sleep
COPY_S = 0.2  # how long the first question to a forked copy waits for an answer
FOLLOW_S = 0.25  # how often a follower looks after its leader
INHERIT_S = 5.0  # how long a new leader waits for the old one's sidecar to give the address free
SETTLED = (State.READY, State.FAILED, State.STOPPED)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ready replica listens, and the token that it wants. `generation` changes when its process does."""

    address: Address
    token: str
    generation: int


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
        self._token = secrets.token_urlsafe(24)
        self._sink = sink
        self._console: Console | None = None
        self._doubles = {name: it for name, it in (("spawn", spawn), ("probe", probe)) if it is not None}
        self._clock = clock
        self._dice = dice
        self._listeners: list[Listen] = []
        self._single: Single | None = None
        self._led_at: float | None = None
        self._fleet: Fleet | None = None
        self._loop: Loop | None = None
        self._stopping = False
        self._starting = threading.RLock()
        self._changed = threading.Condition()
        self._status = Status(State.STOPPED, WhyNotReady.NOT_STARTED)
        self._routes: tuple[Route, ...] = ()
        self._is_copy = False
        not_in_copies(self)

    # What hosts call.

    def start(self, *, wait: bool = True) -> None:
        """Start the sidecar; with `wait`, return when it is ready. Does nothing while it runs.

        Raises a StartError when it does not become ready. Without `wait`, `status()` tells.
        """
        with self._starting:
            if (pretence := current()) is not None:
                self._pretend(pretence)
            elif self._loop is None or not self._loop.alive:
                self._begin()
            else:
                self._revive(self._loop)
        if wait:
            self._wait_for_start()

    def let_go(self) -> None:
        """In a forked child, where no thread of ours lives: the sidecar is the parent's, and may be followed."""
        self._starting, self._changed = threading.RLock(), threading.Condition()
        self._is_copy = self._loop is not None and self.options.shared
        self._loop = self._fleet = self._console = None

    def _follow_from_here(self) -> None:
        self._is_copy = False
        self.start(wait=False)
        self.wait_for(State.READY, timeout_s=COPY_S)

    def _pretend(self, pretence: Pretence) -> None:
        failure = pretence.failure
        state, why = (State.FAILED, WhyNotReady.START_FAILED) if failure else (State.READY, None)
        routes = () if failure else (Route(pretence.address, self._token, 0),)
        status = Status(state, why, failure=failure)
        self._announce(BridgeEvent("failed" if failure else "ready", "Python", status, failure=failure), routes)

    def _begin(self) -> None:
        self._publish(Status(State.STARTING, WhyNotReady.STARTING), ())
        self._stopping = False
        self._fleet = None
        self._single = self._led_at = None
        self._console = Console() if self._sink is None else None
        self._loop = Loop(self._clock, after=self._after, done=self._done, close=self._close, name="mediabridge-bridge")
        self._loop.post(self._lead_or_follow)
        self._loop.start()

    def _revive(self, loop: Loop) -> None:
        with self._changed:  # at one go: the loop may be about to end
            failed = self._status.state is State.FAILED
            if failed:
                self._publish(Status(State.STARTING, WhyNotReady.STARTING), ())
        if failed:
            loop.post(self._start_again)

    def _address(self) -> Address:
        return Address(self.options.host, self.options.port, self.options.uds)

    def _wait_for_start(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._status.state in SETTLED)
            status = self._status
        if not status.ready:
            stopped = Failure(
                FailureKind.EXITED, START_FAILED, "The bridge was stopped while it started.", "Start it again."
            )
            raise error_of(status.failure or stopped)

    def is_ready(self) -> bool:
        """Whether requests may be forwarded now."""
        return self.status().ready

    def status(self) -> Status:
        """The newest snapshot. Cheap: nothing is asked of the child."""
        if self._is_copy:
            self._follow_from_here()
        return self._status

    def routes(self) -> tuple[Route, ...]:
        """Where requests may go: one for each replica that is ready."""
        if self._is_copy:
            self._follow_from_here()
        return self._routes

    @property
    def url(self) -> str:
        """Where the first replica listens: `http://host:port` or `unix:path`. Raises NotRunningError unless ready."""
        routes = self._routes
        if not routes:
            raise NotRunningError("the sidecar is not ready")
        return routes[0].address.url

    @property
    def address(self) -> Address:
        """Where the first replica is to listen; the port that was asked for until one is bound."""
        fleet = self._fleet
        return (fleet.slots[0].address if fleet and fleet.slots else None) or self._address()

    @property
    def token(self) -> str:
        """What the sidecar wants in `X-Mediabridge-Token`; another one for every start of a bridge."""
        routes = self._routes
        return routes[0].token if routes else self._token

    def wait_for(self, *states: State, timeout_s: float | None = None) -> bool:
        """Wait until the state is one of `states`; False when the time is over first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._status.state in states, timeout_s)

    def subscribe(self, listener: Listen) -> Callable[[], None]:
        """Have `listener` called with every `BridgeEvent`, on the bridge's thread; gives back how to end it."""
        self._listeners.append(listener)

        def end() -> None:
            with contextlib.suppress(ValueError):  # it was ended before
                self._listeners.remove(listener)

        return end

    def reload(self) -> None:
        """Replace every process by a new one without losing a request; what happens is told to the listeners."""
        if self._loop is not None and self._fleet is not None:
            self._loop.post(self._fleet.reload)

    def stop(self) -> None:
        """End the sidecar with its whole tree: ask, wait `grace_s`, kill. Returns when all is gone.

        Called by a listener it returns at once, since the bridge's own thread cannot wait for itself.
        """
        self._finish(ev.StopAsked(), self.options.rules.grace_s + STOP_MARGIN_S)

    def kill(self) -> None:
        """End the sidecar with its whole tree at once; else like `stop`."""
        self._finish(ev.KillAsked(), STOP_MARGIN_S)

    def _finish(self, event: ev.StopAsked | ev.KillAsked, timeout_s: float) -> None:
        with self._starting:  # a start that has only just begun has no loop yet, and would go on
            loop = self._loop
        if loop is not None and loop.alive:
            loop.post(lambda: self._end(event))
            if loop.inside:
                return
            if not loop.join(timeout_s):
                log.error("the sidecar did not end within %.1f s; its processes may still live", timeout_s)
        if self._status.state is not State.STOPPED:
            self._publish(Status(State.STOPPED, WhyNotReady.STOPPED), ())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # The supervisor's thread.

    def _lead_or_follow(self) -> None:
        if self._stopping:
            return
        try:
            single = self._shared()
            leads = single is None or single.try_lead()
        except OSError as problem:
            self._refuse(_not_shared(problem))
            return
        if single is None or leads:
            self._lead()
        else:
            self._follow(single)

    def _shared(self) -> Single | None:
        if self.options.shared and self._single is None:
            self._single = Single(key_of(Path.cwd(), self.options.target, self._address()))
        return self._single

    def _lead(self) -> None:
        loop, sink = self._loop, self._sink or self._console
        if loop is None or sink is None:
            raise NotRunningError("the bridge is not running")
        outside = Outside(
            post=loop.post,
            later=loop.later,
            tell=lambda *_: None,  # the fleet's own
            clock=self._clock,
            dice=self._dice,
            sink=sink,
            **self._doubles,  # type: ignore[arg-type]  # spawn and probe, by their names
        )
        self._fleet = Fleet(self.options, self._token, outside, self._announce)
        refused = self._fleet.open()
        if refused is not None:
            self._fleet.close()
            self._fleet = None
            if self._may_be_inherited(refused):
                self._publish(Status(State.STARTING, WhyNotReady.RESTARTING), ())
                loop.later(FOLLOW_S, self._lead_or_follow)
            else:
                self._refuse(refused)
            return
        self._fleet.start()

    def _may_be_inherited(self, refused: Failure) -> bool:
        """Whether the address may be held by the sidecar of a leader that was killed: for a moment only."""
        self._led_at = self._clock() if self._led_at is None else self._led_at
        if refused.kind is not FailureKind.PORT_IN_USE or self._clock() - self._led_at > INHERIT_S:
            return False
        before = self._single.read() if self._single else None  # one that stopped by itself has removed it
        return before is not None and before.token != self._token

    def _refuse(self, failure: Failure) -> None:
        status = Status(State.FAILED, WhyNotReady.START_FAILED, failure=failure)
        self._announce(BridgeEvent("failed", "Python", status, failure=failure))
        self._share(())

    def _start_again(self) -> None:
        if self._stopping:
            return
        if self._fleet is None:
            self._lead_or_follow()
        else:
            self._fleet.start()

    def _follow(self, single: Single) -> None:
        known = single.read()
        if known is not None:
            routes = tuple(Route(address, known.token, generation) for address, generation in known.addresses)
            if self._status.state is not known.status.state and known.status.ready:
                self._announce(BridgeEvent("following", "Python", known.status, words=f"(pid {known.pid})"), routes)
            self._publish(known.status, routes)
        if self._loop is not None:
            self._loop.later(FOLLOW_S, self._lead_or_follow)

    def _end(self, event: ev.StopAsked | ev.KillAsked) -> None:
        self._stopping = True
        if self._fleet is not None:
            self._fleet.end(event)

    def _after(self) -> None:
        if self._fleet is not None:
            self._fleet.check_memory()
            self._publish_fleet(self._fleet)

    def _done(self) -> bool:
        return self._stopping and (self._fleet is None or self._fleet.ended)

    def _close(self) -> None:
        try:
            if self._fleet is not None:
                self._fleet.close()
            if self._single is not None:
                self._single.release()
            if self._console is not None:
                self._console.close()
        finally:
            if self._status.state is not State.STOPPED:  # a fault ended the thread: nobody may wait for it
                self._publish(Status(State.STOPPED, WhyNotReady.STOPPED), ())

    def _publish_fleet(self, fleet: Fleet) -> None:
        addresses = fleet.ready_addresses()
        self._publish(fleet.status(), tuple(Route(address, self._token, number) for address, number in addresses))
        self._share(addresses)

    def _share(self, addresses: tuple[tuple[Address, int], ...]) -> None:
        """Let the followers know the status and where to go."""
        if self._single is not None and self._single.leads:
            with contextlib.suppress(OSError):  # a full disk: followers keep what they know
                self._single.publish(Published(os.getpid(), self._token, self._status, addresses))

    def _publish(self, status: Status, routes: tuple[Route, ...]) -> None:
        with self._changed:
            self._routes = routes
            if status != self._status:
                self._status = status
                self._changed.notify_all()

    def _announce(self, event: BridgeEvent, routes: tuple[Route, ...] = ()) -> None:
        write(event)  # first: who waits for a state finds its entry in the log
        if self._fleet is not None:
            self._publish_fleet(self._fleet)
        else:
            self._publish(event.status, routes)
        tell(event, self._listeners)


def _not_shared(problem: OSError) -> Failure:
    return Failure(
        FailureKind.PERMISSION_DENIED,
        START_FAILED,
        f"The lock that makes one sidecar of many workers cannot be used ({problem}).",
        "Set XDG_RUNTIME_DIR to a folder that belongs to this user.",
        permanent=True,
    )
