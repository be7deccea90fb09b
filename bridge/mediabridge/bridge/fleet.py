"""All processes of one bridge: replicas, the worker, and the rolling replacement of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from . import events as ev
from .lifecycle import Rules
from .listener import Address, Listener, listen
from .options import BridgeOptions
from .place import Outside, Place
from .report import WORKER_NAME, BridgeEvent
from .restart import Policy, RestartRules
from .status import Failure, State, Status
from .summary import summarize
from .target import Target

HANDS_SOCKETS_ON = os.name == "posix"
TURN_AWAY_S = 0.5  # between two looks for connections that came when nobody is there any more
MEMORY_PAUSE_S = 60.0  # between two replacements of one replica for its memory: a limit too low must not spin


@dataclass(slots=True)
class Slot:
    """One seat: the process that sits on it, the one that is to follow, and those that finish what they have begun."""

    name: str
    target: Target
    listener: Listener | None
    address: Address | None
    place: Place
    incoming: Place | None = None
    retiring: list[Place] = field(default_factory=list)
    replaced_at: float | None = None
    turns_away: bool = False

    def places(self) -> Iterator[Place]:
        """All processes of this seat."""
        yield self.place
        if self.incoming is not None:
            yield self.incoming
        yield from self.retiring


class Fleet:
    """Lives on the supervisor's thread. `announce` is called with every event, after the status was made anew."""

    def __init__(
        self, options: BridgeOptions, token: str, outside: Outside, announce: Callable[[BridgeEvent], None]
    ) -> None:
        self._options = options
        self._token = token
        self._outside = replace(outside, tell=self._tell)
        self._announce = announce
        self._queue: list[Slot] = []
        self._ending = False
        self.slots: list[Slot] = []
        self.worker: Slot | None = None

    def open(self) -> Failure | None:
        """Take the addresses; the first that is refused is the answer."""
        options = self._options
        for index in range(options.replicas):
            name = "Python" if index == 0 else f"Python {index + 1}"
            uds = f"{options.uds}.{index + 1}" if options.uds and index else options.uds
            address = Address(options.host, options.port if index == 0 else 0, uds)
            listener = None
            if options.target.takes_socket and HANDS_SOCKETS_ON:
                opened = listen(address.host, address.port, address.uds)
                if isinstance(opened, Failure):
                    return opened
                listener, address = opened, opened.address
            self.slots.append(self._slot(name, options.target, listener, address))
        if options.worker is not None:
            self.worker = self._slot(WORKER_NAME, options.worker, None, None)
        return None

    def _slot(self, name: str, target: Target, listener: Listener | None, address: Address | None) -> Slot:
        return Slot(name, target, listener, address, self._place(name, target, listener, address))

    def _place(
        self, name: str, target: Target, listener: Listener | None, address: Address | None, rules: Rules | None = None
    ) -> Place:
        fd = listener.socket.fileno() if listener else None
        return Place(name, target, self._options, self._outside, token=self._token, address=address, fd=fd, rules=rules)

    def _seats(self) -> list[Slot]:
        return self.slots if self.worker is None else [*self.slots, self.worker]

    def start(self) -> None:
        """Start everything that does not run."""
        for slot in self._seats():
            slot.place.handle(ev.StartAsked())

    def end(self, event: ev.StopAsked | ev.KillAsked) -> None:
        """End everything, all at the same time."""
        self._ending = True
        self._queue.clear()
        for slot in self._seats():
            for place in tuple(slot.places()):
                place.handle(event)

    @property
    def ended(self) -> bool:
        """Whether nothing runs any more, and something had."""
        places = [place for slot in self._seats() for place in slot.places()]
        return all(place.life.state is State.STOPPED and place.life.launch for place in places)

    def close(self) -> None:
        """Let go of sockets, threads, and of whatever still lives."""
        for slot in self._seats():
            for place in slot.places():
                place.close()
            if slot.listener is not None:
                slot.listener.close()

    def status(self) -> Status:
        """The bridge at this moment; the worker is listed, but does not decide readiness."""
        replicas = [(slot.place.life, slot.place.snapshot()) for slot in self.slots]
        status = summarize(replicas)
        if self.worker is not None:
            status = replace(status, replicas=(*status.replicas, self.worker.place.snapshot()))
        return status

    def ready_addresses(self) -> tuple[tuple[Address, int], ...]:
        """Address and launch number of every replica that is ready."""
        return tuple(
            (slot.place.address, slot.place.generation)
            for slot in self.slots
            if slot.place.life.state is State.READY and slot.place.address is not None
        )

    # Rolling replacement: one seat after the other, so that one new process at most is added at a time.

    def reload(self) -> None:
        """Replace every process by a new one; each old one serves until its successor is ready."""
        if self._ending:
            return
        self._queue += [slot for slot in self._seats() if slot not in self._queue]
        self._next_reload()

    def check_memory(self) -> None:
        """Replace a replica that has grown over the limit."""
        limit = self._options.memory_limit_bytes
        now = self._outside.clock()
        for slot in self.slots if limit else ():
            over = slot.place.rss is not None and slot.place.rss > limit and slot.place.life.state is State.READY
            recent = slot.replaced_at is not None and now - slot.replaced_at < MEMORY_PAUSE_S
            if over and not recent and slot not in self._queue and slot.incoming is None:
                slot.replaced_at = now
                words = f"since its {(slot.place.rss or 0) // 2**20} MB are over the limit of {limit // 2**20} MB"
                self._report(slot.place, ev.Tell("reloading", words=words))
                self._queue.append(slot)
                self._next_reload()

    def _next_reload(self) -> None:
        if any(slot.incoming is not None for slot in self._seats()) or not self._queue:
            return
        slot = self._queue.pop(0)
        if slot.place.life.state is not State.READY or slot.listener is None:
            # Nobody is served by it, or two cannot share its address: the plain way.
            slot.place.handle(ev.ReplaceAsked(slot.place.life.launch))
            slot.place.handle(ev.StartAsked())
            self._next_reload()
            return
        once = replace(self._options.rules, restart=RestartRules(policy=Policy.NEVER))
        slot.incoming = self._place(slot.name, slot.target, slot.listener, slot.address, once)
        slot.incoming.handle(ev.StartAsked())

    def _tell(self, place: Place, tell: ev.Tell) -> None:
        slot = next(slot for slot in self._seats() if place in slot.places())
        if place is slot.incoming:
            self._tell_incoming(slot, place, tell)
        elif place in slot.retiring:
            self._tell_retiring(slot, place, tell)
        else:
            self._report(place, tell)
            if tell.what == "failed" and not slot.turns_away:
                self._turn_away(slot)

    def _turn_away(self, slot: Slot) -> None:
        """The held socket takes connections though no process will: they must not wait for ever."""
        slot.turns_away = slot.listener is not None and slot.place.life.state is State.FAILED and not self._ending
        if slot.listener is not None and slot.turns_away:
            if not slot.retiring:
                slot.listener.turn_away()
            self._outside.later(TURN_AWAY_S, lambda: self._turn_away(slot))

    def _tell_incoming(self, slot: Slot, place: Place, tell: ev.Tell) -> None:
        if tell.what == "ready":
            old, slot.place, slot.incoming = slot.place, place, None
            slot.retiring.append(old)
            place.rules = self._options.rules
            self._report(place, replace(tell, words="as the replacement"))
            old.handle(ev.StopAsked())
            self._outside.post(self._next_reload)
        elif tell.what in ("failed", "stopped"):
            slot.incoming = None
            place.close()
            if not self._ending:
                self._report(slot.place, ev.Tell("reload_failed", tell.failure))
                self._outside.post(self._next_reload)
        else:
            self._report(place, tell)

    def _tell_retiring(self, slot: Slot, place: Place, tell: ev.Tell) -> None:
        other = {"stopping": "draining", "stopped": "retired"}.get(tell.what, tell.what)
        self._report(place, replace(tell, what=other))
        if tell.what == "stopped":
            slot.retiring.remove(place)
            place.close()

    def _report(self, place: Place, tell: ev.Tell) -> None:
        self._announce(BridgeEvent(tell.what, place.name, self.status(), place.life.pid, tell.failure, tell.words))
