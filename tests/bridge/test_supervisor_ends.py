"""The public face: listeners, and how it ends. On its real thread, with a child and a prober that are doubles."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mediabridge.bridge import BridgeEvent, RestartRules, State, TargetError, WhyNotReady

from .doubles import FAST, PATIENCE_S, SYNTAX, Bridges, Heard, Nursery, ends, finish, heard, in_thread, until

FDS = Path("/proc/self/fd")


# Listeners.


def test_listeners_are_told_with_the_status_of_that_moment(make: Bridges) -> None:
    it = make()
    events = heard(it)
    it.start()
    it.stop()
    assert events.words == ["starting", "ready", "stopping", "stopped"]
    assert [event.status.ready for event in events.events] == [False, True, False, False]
    assert {event.replica for event in events.events} == {"Python"}


def test_a_listener_that_raises_ends_nothing(make: Bridges, entries: Callable[[int], list[str]]) -> None:
    it = make()

    def broken(event: BridgeEvent) -> None:
        raise ZeroDivisionError(event.what)

    it.subscribe(broken)
    after = heard(it)
    it.start()
    it.stop()
    assert after.words == ["starting", "ready", "stopping", "stopped"]
    assert entries(logging.ERROR) == [f"a listener failed on {what}" for what in after.words]


def test_one_that_listens_no_more_is_told_nothing(make: Bridges) -> None:
    it, events = make(), Heard()
    end = it.subscribe(events)
    end()
    end()
    it.start()
    assert events.words == []


@pytest.mark.parametrize("at", ["starting", "ready"])
def test_a_listener_may_stop_the_bridge(make: Bridges, entries: Callable[[int], list[str]], at: str) -> None:
    nursery = Nursery()
    it = make(nursery)
    events = heard(it)
    it.subscribe(lambda event: it.stop() if event.what == at else None)
    it.start(wait=False)
    assert it.wait_for(State.STOPPED, timeout_s=PATIENCE_S)
    until(lambda: events.words[-1] == "stopped")
    assert not nursery.alive
    assert entries(logging.WARNING) == []


def test_a_listener_may_reload_the_bridge(make: Bridges) -> None:
    it = make()
    events = heard(it)
    it.subscribe(lambda event: it.reload() if event.what == "ready" and not event.words else None)
    it.start()
    until(lambda: "retired" in events.words)


def test_a_thread_may_wait_for_a_state(make: Bridges) -> None:
    it = make()
    found: list[bool] = []
    thread = in_thread(lambda: found.append(it.wait_for(State.READY, timeout_s=PATIENCE_S)))
    it.start()
    finish(thread)
    assert found == [True]


def test_a_wait_ends_with_its_time(make: Bridges) -> None:
    assert make().wait_for(State.READY, timeout_s=0.01) is False


# Stop.


def test_a_stop_asks_first(make: Bridges) -> None:
    nursery = Nursery()
    it = make(nursery)
    it.start()
    it.stop()
    assert nursery.last.calls[0] == "ask"
    assert nursery.last.calls[-1] == "release"


def test_a_stop_kills_one_that_does_not_hear(make: Bridges, entries: Callable[[int], list[str]]) -> None:
    nursery = Nursery(lambda child: setattr(child, "deaf", True))
    it = make(nursery)
    it.start()
    it.stop()
    assert nursery.last.calls[:2] == ["ask", "kill"]
    assert not nursery.alive
    assert any("did not end in time" in entry for entry in entries(logging.WARNING))


def test_a_kill_does_not_wait_for_the_grace(make: Bridges) -> None:
    nursery = Nursery(lambda child: setattr(child, "deaf", True))
    it = make(nursery, rules=replace(FAST, grace_s=10**6))
    it.start()
    it.kill()
    assert it.status().state is State.STOPPED
    assert not nursery.alive


def test_a_kill_ends_a_stop_that_waits(make: Bridges) -> None:
    nursery = Nursery(lambda child: setattr(child, "deaf", True))
    it = make(nursery, rules=replace(FAST, grace_s=10**6))
    it.start()
    thread = in_thread(it.stop)
    assert it.wait_for(State.STOPPING, timeout_s=PATIENCE_S)
    it.kill()
    finish(thread)
    assert not nursery.alive


def test_a_stop_during_the_backoff_is_at_once(make: Bridges) -> None:
    nursery = Nursery()
    it = make(nursery, rules=replace(FAST, restart=RestartRules(base_s=10**6, cap_s=10**6)))
    it.start()
    nursery.last.end(code=1)
    assert it.wait_for(State.BACKOFF, timeout_s=PATIENCE_S)
    assert it.status().retry_after_s == 10**6 + 1
    it.stop()
    assert it.status().state is State.STOPPED


def test_a_stop_of_what_failed_leaves_the_reason(make: Bridges) -> None:
    it = make(ends(1, SYNTAX))
    with pytest.raises(TargetError):
        it.start()
    it.stop()
    status = it.status()
    assert (status.state, status.why) == (State.STOPPED, WhyNotReady.STOPPED)


def test_a_stop_of_what_never_started_changes_nothing(make: Bridges) -> None:
    it = make()
    it.stop()
    assert it.status().why is WhyNotReady.NOT_STARTED


def test_many_threads_may_stop_at_once(make: Bridges) -> None:
    it = make()
    it.start()
    threads = [in_thread(it.stop) for _ in range(8)]
    for thread in threads:
        finish(thread)
    assert it.status().state is State.STOPPED


def test_starts_and_stops_leave_no_thread_and_no_descriptor(make: Bridges) -> None:
    it = make(replicas=2)
    it.start()
    it.stop()
    threads, descriptors = threading.active_count(), len(list(FDS.iterdir()))
    for _ in range(10):
        it.start()
        it.reload()
        it.stop()
    until(lambda: threading.active_count() <= threads, "threads are left")
    assert len(list(FDS.iterdir())) == descriptors


def test_starts_stops_reloads_and_crashes_from_many_threads_never_double_a_child(make: Bridges) -> None:
    nursery = Nursery()
    it = make(nursery)

    def play(job: Callable[[], object]) -> None:
        for _ in range(15):
            job()

    def crash() -> None:
        for child in nursery.alive:
            child.end(code=1)

    jobs = [lambda: it.start(wait=False), it.stop, it.reload, crash, it.kill]
    threads = [in_thread(lambda job=job: play(job)) for job in jobs]
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    it.kill()
    assert not nursery.alive
    assert nursery.most_alive <= 3  # the one that serves, its replacement, and the one before that still ends
