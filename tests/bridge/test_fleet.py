"""Replicas, the worker and the rolling replacement, with children that are doubles and a time that the test moves."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import FailureKind, Listener, Policy, RestartRules, Rules, State, WhyNotReady, listen, module
from mediabridge.bridge import events as ev
from mediabridge.bridge.fleet import MEMORY_PAUSE_S

from .doubles import FakeChild, Nursery, Stage, World, until

WORKER = module("worker", health_path=None)
BINDS_ITSELF = module("double", health_path=None)


def only(number: int, fault: Callable[[FakeChild], object]) -> Nursery:
    """A nursery whose child of that number, from 1, has the fault."""
    count = iter(range(1, 1000))
    return Nursery(lambda child: fault(child) if next(count) == number else None)


def deaf(child: FakeChild) -> None:
    child.deaf = True


def states(stage: Stage) -> list[State]:
    return [slot.place.life.state for slot in stage.fleet.slots]


def test_every_replica_is_started_on_an_address_of_its_own() -> None:
    with Stage(replicas=3) as stage:
        addresses = [address.port for address, _ in stage.fleet.ready_addresses()]
        assert len(set(addresses)) == len(stage.nursery.alive) == 3
        assert [child.launch.source for child in stage.nursery.children] == ["Python", "Python 2", "Python 3"]


def test_every_child_inherits_its_socket_and_one_for_health() -> None:
    with Stage() as stage:
        launch = stage.nursery.last.launch
        assert launch.env["MEDIABRIDGE_LISTEN_FD"] == ",".join(map(str, launch.fds))
        assert all(stat.S_ISSOCK(os.fstat(fd).st_mode) for fd in launch.fds)
        assert len(launch.fds) == 2


def test_every_child_gets_the_token_and_a_cookie_of_its_own() -> None:
    with Stage(replicas=2) as stage:
        launches = [child.launch for child in stage.nursery.children]
        assert {launch.env["MEDIABRIDGE_TOKEN"] for launch in launches} == {"token"}
        assert len({launch.cookie for launch in launches}) == 2


def test_one_that_binds_itself_is_told_host_and_port() -> None:
    with Stage(target=BINDS_ITSELF) as stage:
        (address, _), env = stage.fleet.ready_addresses()[0], stage.nursery.last.launch.env
        assert (env["FLASK_HOST"], env["FLASK_PORT"]) == ("127.0.0.1", str(address.port))


def test_one_that_binds_itself_is_told_its_unix_socket(tmp_path: Path) -> None:
    with Stage(target=BINDS_ITSELF, uds=str(tmp_path / "s")) as stage:
        assert stage.nursery.last.launch.env["FLASK_SOCKET"] == str(tmp_path / "s")
        assert not (tmp_path / "s").exists()


def test_a_unix_socket_of_a_further_replica_has_a_name_of_its_own(tmp_path: Path) -> None:
    with Stage(uds=str(tmp_path / "s"), replicas=2):
        assert {path.name for path in tmp_path.iterdir()} == {"s", "s.2"}
    assert list(tmp_path.iterdir()) == []


def test_a_relative_interpreter_is_found_from_another_folder_too(tmp_path: Path) -> None:
    real = Path(sys.executable)
    with Stage(python=os.path.relpath(real), target=module("double", health_path=None, cwd=str(tmp_path))) as stage:
        assert Path(stage.nursery.last.launch.command[0]).is_absolute()


def test_an_address_that_is_refused_is_the_answer_and_nothing_starts() -> None:
    held = listen("127.0.0.1", 0)
    assert isinstance(held, Listener)
    nursery = Nursery()
    stage = Stage(nursery, port=held.address.port)
    refused = stage.fleet.open()
    assert refused is not None
    assert refused.kind is FailureKind.PORT_IN_USE
    assert not nursery.children
    stage.fleet.close()
    held.close()


def test_one_ready_replica_is_enough() -> None:
    with Stage(only(1, lambda child: child.end(code=1)), replicas=2) as stage:
        assert sorted(states(stage)) == [State.BACKOFF, State.READY]
        assert stage.fleet.status().ready
        assert len(stage.fleet.ready_addresses()) == 1


def test_the_worker_has_no_socket_and_is_listed() -> None:
    with Stage(worker=WORKER) as stage:
        worker = stage.nursery.last.launch
        assert (worker.source, worker.fds) == ("worker", ())
        assert [replica.name for replica in stage.fleet.status().replicas] == ["Python", "worker"]


@pytest.mark.parametrize("dead", [1, 2])
def test_the_worker_does_not_decide_readiness(dead: int) -> None:
    with Stage(only(dead, lambda child: child.end(code=1)), worker=WORKER) as stage:
        assert stage.fleet.status().ready == (dead == 2)


def test_an_end_asks_all_at_the_same_time() -> None:
    with Stage(Nursery(deaf), replicas=2, worker=WORKER) as stage:
        stage.fleet.end(ev.StopAsked())
        assert [child.calls for child in stage.nursery.children] == [["ask"]] * 3
        assert not stage.fleet.ended
        stage.advance(stage.options.rules.grace_s + 1)
        assert stage.fleet.ended


def test_a_reload_puts_a_new_process_on_the_same_address() -> None:
    with Stage() as stage:
        before = stage.fleet.ready_addresses()
        stage.fleet.reload()
        stage.advance()
        after = stage.fleet.ready_addresses()
        assert before[0][0] == after[0][0]
        assert before[0][1] != after[0][1]
        assert stage.heard.words[-4:] == ["starting", "ready", "draining", "retired"]


def test_a_reload_keeps_the_old_one_until_the_new_one_is_ready() -> None:
    with Stage(rules=Rules(start_timeout_s=30), target=module("double", takes_socket=True)) as stage:
        stage.fleet.slots[0].place.handle(ev.ProbePassed(1, 0.0))
        stage.fleet.reload()
        assert [child.ended for child in stage.nursery.children] == [False, False]
        assert stage.fleet.status().ready


def test_a_reload_replaces_one_replica_after_the_other() -> None:
    with Stage(replicas=3) as stage:
        most = 0
        ready: list[bool] = []

        def look() -> None:
            nonlocal most
            most = max(most, sum(slot.incoming is not None for slot in stage.fleet.slots))
            ready.append(len(stage.fleet.ready_addresses()) == 3)

        stage.fleet.reload()
        stage.world.advance(0, look)
        assert most == 1
        assert all(ready)
        assert len(stage.nursery.alive) == 3
        assert all(child.ended for child in stage.nursery.children[:3])


def test_a_reload_during_a_reload_waits_for_it() -> None:
    with Stage(replicas=3) as stage:
        stage.fleet.reload()
        stage.fleet.reload()
        assert sum(slot.incoming is not None for slot in stage.fleet.slots) == 1
        stage.advance()
        assert len(stage.nursery.alive) == 3
        assert len(stage.nursery.children) == 3 + 3 + 1  # the first was under way, and is done again


def test_a_replacement_that_has_taken_over_is_restarted_by_the_policy() -> None:
    with Stage() as stage:
        stage.fleet.reload()
        stage.advance()
        stage.nursery.last.end(code=1)
        stage.advance(1)
        assert states(stage) == [State.READY]


def test_what_is_retired_leaves_no_thread() -> None:
    with Stage(replicas=2) as stage:
        for _ in range(3):
            stage.fleet.reload()
            stage.advance()
        until(lambda: len(probers()) == 2, "threads are left")


def probers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("mediabridge-probe-Python")]


def test_a_replacement_that_fails_keeps_the_old_one() -> None:
    with Stage(only(2, lambda child: child.end(code=1, stderr="SyntaxError: invalid syntax\n"))) as stage:
        before = stage.fleet.ready_addresses()
        stage.fleet.reload()
        stage.advance(60)
        assert stage.fleet.ready_addresses() == before
        assert stage.heard.words[-1] == "reload_failed"
        failure = stage.heard.events[-1].failure
        assert failure is not None
        assert failure.kind is FailureKind.SYNTAX_ERROR
        assert stage.fleet.slots[0].place.life.failure is None


def test_a_replacement_that_fails_does_not_stop_the_others() -> None:
    with Stage(only(3, lambda child: child.end(code=1)), replicas=2) as stage:
        stage.fleet.reload()
        stage.advance(1)
        assert [child.ended for child in stage.nursery.children] == [False, True, True, False]


def test_an_old_one_that_failed_meanwhile_is_retired_too() -> None:
    never = Rules(restart=RestartRules(policy=Policy.NEVER))
    with Stage(rules=never, target=module("double", takes_socket=True)) as stage:
        place = stage.fleet.slots[0].place
        place.handle(ev.ProbePassed(1, 0.0))
        stage.fleet.reload()
        stage.nursery.children[0].end(code=1)
        while place.life.state is not State.FAILED:
            stage.world._jobs.get(timeout=5)()
        incoming = stage.fleet.slots[0].incoming
        assert incoming is not None
        incoming.handle(ev.ProbePassed(incoming.life.launch, 0.0))
        assert stage.fleet.slots[0].retiring == []
        assert stage.heard.words[-1] == "retired"


def test_a_reload_of_one_that_is_not_ready_is_a_plain_start() -> None:
    bad = only(1, lambda child: child.end(code=1, stderr="SyntaxError: invalid syntax\n"))
    with Stage(bad) as stage:
        assert states(stage) == [State.FAILED]
        stage.fleet.reload()
        stage.advance()
        assert states(stage) == [State.READY]


def test_a_reload_replaces_the_worker() -> None:
    with Stage(worker=WORKER) as stage:
        stage.fleet.reload()
        stage.advance(1)
        assert sorted(child.launch.source for child in stage.nursery.alive) == ["Python", "worker"]
        assert len(stage.nursery.children) == 4


def test_a_reload_while_all_ends_starts_nothing() -> None:
    with Stage(Nursery(deaf), replicas=2) as stage:
        stage.nursery.children[0].deaf = False
        stage.fleet.end(ev.StopAsked())
        stage.advance()
        stage.fleet.reload()
        stage.advance(60)
        assert stage.fleet.ended
        assert len(stage.nursery.children) == 2


def test_an_end_during_a_reload_ends_both_and_calls_nothing_failed() -> None:
    with Stage(target=module("double", takes_socket=True)) as stage:
        stage.fleet.slots[0].place.handle(ev.ProbePassed(1, 0.0))
        stage.fleet.reload()
        stage.fleet.end(ev.StopAsked())
        stage.advance(60)
        assert stage.fleet.ended
        assert not stage.nursery.alive
        assert "reload_failed" not in stage.heard.words


def fat(limit: int = 1, **options: object) -> Stage:
    """Children as large as this very process, and a limit of so many bytes."""
    return Stage(Nursery(pid=os.getpid()), memory_limit_bytes=limit, **options)


def test_one_over_the_memory_limit_is_replaced_once_and_told() -> None:
    with fat() as stage:
        stage.advance(MEMORY_PAUSE_S - 1)
        assert len(stage.nursery.children) == 2
        assert stage.heard.words.count("reloading") == 1
        assert "over the limit" in next(event.words for event in stage.heard.events if event.what == "reloading")


def test_a_limit_that_is_too_low_does_not_spin() -> None:
    with fat() as stage:
        stage.advance(10 * MEMORY_PAUSE_S)
        assert 9 <= stage.heard.words.count("reloading") <= 11


def test_one_that_cannot_be_doubled_is_replaced_for_its_memory_too() -> None:
    with fat(target=BINDS_ITSELF) as stage:
        stage.advance(MEMORY_PAUSE_S - 1)
        assert len(stage.nursery.children) == 2
        assert len(stage.nursery.alive) == 1


@pytest.mark.parametrize("limit", [0, 2**60])
def test_one_within_the_memory_limit_is_left_alone(limit: int) -> None:
    with fat(limit) as stage:
        stage.advance(MEMORY_PAUSE_S)
        assert len(stage.nursery.children) == 1


def test_a_child_that_ends_late_after_it_was_left_behind_is_no_news() -> None:
    with Stage(Nursery(lambda child: setattr(child, "immortal", True))) as stage:
        child = stage.nursery.last
        child.deaf = True
        stage.fleet.end(ev.StopAsked())
        stage.advance(60)
        assert stage.fleet.ended
        child.end(signal="SIGKILL")
        stage.advance(60)
        assert (len(stage.nursery.children), stage.heard.words[-1]) == (1, "stopped")


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (FileNotFoundError(2, "No such file or directory", "/no/folder"), "No such file or directory: /no/folder"),
        (PermissionError(13, "Permission denied", "/folder"), "Permission denied: /folder"),
        (ValueError("embedded null byte"), "embedded null byte"),
    ],
)
def test_a_spawn_that_is_refused_is_a_failure_in_words(problem: Exception, words: str) -> None:
    def refuse(_child: FakeChild) -> None:
        raise problem

    with Stage(Nursery(refuse)) as stage:
        status = stage.fleet.status()
        assert (status.state, status.why) == (State.FAILED, WhyNotReady.START_FAILED)
        assert status.failure is not None
        assert words in status.failure.message


STEPS = st.sampled_from(["reload", "crash", "crash new", "wait", "long"])


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=8), st.integers(1, 3), st.booleans(), st.sets(st.integers(1, 12), max_size=4))
def test_property_whatever_happens_an_end_ends_it(steps: list[str], replicas: int, hard: bool, bad: set[int]) -> None:
    """Reloads, crashes, replacements that fail, in any order: at most one process too many, and none at the end."""
    count = iter(range(1, 10_000))
    nursery = Nursery(lambda child: child.end(code=1) if next(count) in bad else None)
    with Stage(nursery, replicas=replicas, worker=WORKER) as stage:
        for step in steps:
            if step == "reload":
                stage.fleet.reload()
            elif step.startswith("crash") and nursery.alive:
                nursery.alive[-1 if step == "crash new" else 0].end(signal="SIGSEGV")
            stage.advance({"wait": 0.5, "long": 100}.get(step, 0))
            assert len(nursery.alive) <= replicas + 2
        stage.fleet.end(ev.KillAsked() if hard else ev.StopAsked())
        stage.advance(60)
        assert stage.fleet.ended
        assert not nursery.alive
        assert all(child.calls[-1:] == ["release"] for child in nursery.children)


def test_the_double_of_the_world_runs_timers_in_their_order() -> None:
    world, seen = World(), []
    outside = world.outside(Nursery())
    outside.later(2, lambda: seen.append("late"))
    outside.later(1, lambda: seen.append("early"))
    outside.post(lambda: seen.append("now"))
    world.advance(3)
    assert (seen, world.now) == (["now", "early", "late"], 3)
