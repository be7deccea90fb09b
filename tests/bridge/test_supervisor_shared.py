"""One sidecar of many workers: bridges that share, here in one process, with doubles for children and probers."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from mediabridge.bridge import (
    Address,
    BridgeOptions,
    FailureKind,
    Listener,
    ListenError,
    PythonBridge,
    StartError,
    State,
    Status,
    TargetError,
    WhyNotReady,
    listen,
)
from mediabridge.bridge.single import Published, Single, key_of
from mediabridge.bridge.supervisor import INHERIT_S

from .doubles import PATIENCE_S, SYNTAX, Bridges, Nursery, ends, heard, until


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of lock and state."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "mediabridge"


def lead(make: Bridges, nursery: Nursery, **options: object) -> PythonBridge:
    leader = make(nursery, shared=True, **options)
    leader.start()
    return leader


def test_the_second_follows_the_first_and_starts_nothing(make: Bridges) -> None:
    leader, nursery = lead(make, Nursery()), Nursery()
    follower = make(nursery, shared=True)
    follower.start()
    assert follower.is_ready()
    assert not nursery.children
    assert (follower.routes(), follower.token, follower.url) == (leader.routes(), leader.token, leader.url)


def test_a_follower_says_whom_it_follows(make: Bridges, entries: Callable[[int], list[str]]) -> None:
    lead(make, Nursery())
    follower = make(shared=True)
    events = heard(follower)
    follower.start()
    assert events.words == ["following"]
    assert any("is run by another worker" in entry for entry in entries(logging.INFO))


def test_bridges_with_other_targets_do_not_share(make: Bridges) -> None:
    lead(make, Nursery())
    nursery = Nursery()
    make(nursery, shared=True, host="localhost").start()
    assert len(nursery.children) == 1


def test_a_bridge_that_does_not_share_starts_its_own(make: Bridges) -> None:
    lead(make, Nursery())
    nursery = Nursery()
    make(nursery).start()
    assert len(nursery.children) == 1


def test_when_the_leader_stops_a_follower_leads(make: Bridges) -> None:
    leader, nursery = lead(make, Nursery()), Nursery()
    follower = make(nursery, shared=True)
    follower.start()
    leader.stop()
    until(lambda: nursery.alive and follower.is_ready(), "the follower did not take over")


def test_the_stop_of_a_follower_leaves_the_leader_alone(make: Bridges) -> None:
    nursery = Nursery()
    leader = lead(make, nursery)
    follower = make(shared=True)
    follower.start()
    follower.stop()
    assert follower.status().state is State.STOPPED
    assert leader.is_ready()
    assert nursery.alive


def test_a_follower_sees_the_new_process_after_a_restart(make: Bridges) -> None:
    nursery = Nursery()
    leader = lead(make, nursery)
    follower = make(shared=True)
    follower.start()
    nursery.last.end(code=1)
    until(lambda: follower.routes() == leader.routes() and follower.status().restarts == 1)
    assert follower.routes()[0].generation == nursery.last.pid


def test_a_follower_of_a_failed_start_says_the_same(make: Bridges) -> None:
    leader = make(ends(1, SYNTAX), shared=True)
    with pytest.raises(TargetError) as caught:
        leader.start()
    follower = make(shared=True)
    follower.start(wait=False)
    assert follower.wait_for(State.FAILED, timeout_s=PATIENCE_S)
    assert follower.status().failure == caught.value.failure


def test_a_follower_of_a_leader_without_an_address_says_so_too(make: Bridges) -> None:
    held = listen("127.0.0.1", 0)
    port = held.address.port  # type: ignore[union-attr]
    with pytest.raises(ListenError) as caught:
        make(shared=True, port=port).start()
    follower = make(shared=True, port=port)
    follower.start(wait=False)
    assert follower.wait_for(State.FAILED, timeout_s=PATIENCE_S)
    assert follower.status().failure == caught.value.failure
    held.close()  # type: ignore[union-attr]


def test_a_lock_that_cannot_be_used_is_a_failure_in_words(make: Bridges, folder: Path) -> None:
    folder.write_text("a file in the way")
    it = make(shared=True)
    with pytest.raises(StartError) as caught:
        it.start()
    assert caught.value.failure.kind is FailureKind.PERMISSION_DENIED
    assert "XDG_RUNTIME_DIR" in caught.value.failure.suggestion
    assert (it.status().state, it.status().why) == (State.FAILED, WhyNotReady.START_FAILED)


def killed_leader(folder: Path, options: BridgeOptions) -> None:
    """What one leaves behind that was killed: a lock that nobody holds, and its last state."""
    folder.mkdir()
    address = Address(options.host, options.port, options.uds)
    status = Status(State.READY, None, pid=1)
    single = Single(key_of(Path.cwd(), options.target, address), folder)
    single.publish(Published(1, "its token", status, ((address, 1),)))


def test_a_new_leader_waits_until_the_sidecar_of_a_killed_one_is_gone(make: Bridges, folder: Path) -> None:
    held = listen("127.0.0.1", 0)
    assert isinstance(held, Listener)
    it = make(shared=True, port=held.address.port)
    killed_leader(folder, it.options)
    it.start(wait=False)
    until(lambda: it.status().why is WhyNotReady.RESTARTING, "it did not wait")
    held.close()
    assert it.wait_for(State.READY, timeout_s=PATIENCE_S)


def test_a_new_leader_does_not_wait_for_ever(make: Bridges, folder: Path) -> None:
    held = listen("127.0.0.1", 0)
    assert isinstance(held, Listener)
    clock = itertools.count(step=INHERIT_S / 2)
    options = make(shared=True, port=held.address.port).options
    killed_leader(folder, options)
    it = PythonBridge(options, sink=lambda block: None, clock=lambda: float(next(clock)))
    with pytest.raises(ListenError):
        it.start()
    it.kill()
    held.close()
