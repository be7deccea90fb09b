"""The public face, on its real thread, with a child and a prober that are doubles."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from mediabridge.bridge import (
    CrashError,
    FailureKind,
    InterpreterError,
    ListenError,
    NotRunningError,
    Policy,
    PythonBridge,
    ReadinessError,
    RestartRules,
    StartError,
    State,
    TargetError,
    WhyNotReady,
    listen,
)
from mediabridge.bridge.health import Answer
from mediabridge.bridge.loop import Loop

from .doubles import (
    FAST,
    PATIENCE_S,
    SYNTAX,
    Bridges,
    FakeChild,
    Health,
    Nursery,
    bridge,
    ends,
    finish,
    heard,
    in_thread,
    until,
)

MISSING = "ModuleNotFoundError: No module named 'x'\n"
SILENT = Answer(ok=False, reason="silence")
NEVER = replace(FAST, restart=RestartRules(policy=Policy.NEVER))


# Start.


def test_nothing_was_started(make: Bridges) -> None:
    it = make()
    assert (it.is_ready(), it.status().why, it.routes()) == (False, WhyNotReady.NOT_STARTED, ())
    with pytest.raises(NotRunningError):
        _ = it.url


@pytest.mark.parametrize("_round", range(20))
def test_property_after_a_start_it_is_ready_its_process_runs_and_a_confirmation_was_logged(
    make: Bridges, entries: Callable[[int], list[str]], _round: int
) -> None:
    nursery = Nursery()
    it = make(nursery)
    it.start()
    confirmed = entries(logging.INFO)
    assert it.is_ready()
    assert nursery.last in nursery.alive
    assert f"Python is ready (pid {nursery.last.pid})" in confirmed


def test_a_ready_bridge_tells_where_and_with_which_token(make: Bridges) -> None:
    nursery = Nursery()
    it = make(nursery)
    it.start()
    route = it.routes()[0]
    assert it.url == f"http://127.0.0.1:{route.address.port}"
    assert it.token == route.token == nursery.last.launch.env["MEDIABRIDGE_TOKEN"]
    assert route.generation == nursery.last.pid


def test_a_second_start_starts_nothing(make: Bridges) -> None:
    nursery = Nursery()
    it = make(nursery)
    it.start()
    it.start()
    assert len(nursery.children) == 1


def test_two_threads_that_start_at_once_start_one_child(make: Bridges) -> None:
    nursery, gate = Nursery(), threading.Barrier(8)
    it = make(nursery)

    def start() -> None:
        gate.wait()
        it.start()

    threads = [in_thread(start) for _ in range(8)]
    for thread in threads:
        finish(thread)
    assert len(nursery.children) == 1


def test_a_start_that_does_not_wait_is_not_ready_yet(make: Bridges) -> None:
    it = make(probe=Health(Answer(ok=False, reason="starting")), rules=replace(FAST, start_tries=10**6))
    it.start(wait=False)
    assert (it.status().state, it.status().why) == (State.STARTING, WhyNotReady.STARTING)


def test_a_bridge_as_a_context_is_ready_inside_and_stopped_after(make: Bridges) -> None:
    with make() as it:
        assert it.is_ready()
    assert (it.status().state, it.status().why, it.routes()) == (State.STOPPED, WhyNotReady.STOPPED, ())


def test_a_start_after_a_stop_is_a_start(make: Bridges) -> None:
    nursery = Nursery()
    it = make(nursery)
    it.start()
    it.stop()
    it.start()
    assert it.is_ready()
    assert [child.ended for child in nursery.children] == [True, False]


# A start that fails.


def refused(child: FakeChild) -> None:
    raise PermissionError(13, "Permission denied", "/srv")


@pytest.mark.parametrize(
    ("error", "kind", "how"),
    [
        (TargetError, FailureKind.SYNTAX_ERROR, {"nursery": ends(1, SYNTAX)}),
        (
            TargetError,
            FailureKind.DEPENDENCY_MISSING,
            {"nursery": ends(1, "ModuleNotFoundError: No module named 'x'\n")},
        ),
        (CrashError, FailureKind.EXITED, {"nursery": ends(3), "rules": NEVER}),
        (CrashError, FailureKind.CRASH_LOOP, {"nursery": ends(3)}),
        (
            ReadinessError,
            FailureKind.HEALTH_TIMEOUT,
            {"probe": Health(SILENT), "rules": NEVER},
        ),
        (InterpreterError, FailureKind.PYTHON_NOT_FOUND, {"python": "/no/such/python"}),
        (ListenError, FailureKind.ADDRESS_INVALID, {"host": "192.0.2.1"}),
        (StartError, FailureKind.PERMISSION_DENIED, {"nursery": Nursery(refused)}),
    ],
)
def test_a_start_that_fails_raises_the_typed_error_and_the_status_goes_on_saying_it(
    make: Bridges, error: type[StartError], kind: FailureKind, how: dict[str, object]
) -> None:
    it = make(**how)
    with pytest.raises(error) as caught:
        it.start()
    failure = caught.value.failure
    assert failure.kind is kind
    assert str(caught.value) == f"{failure.error}: {failure.message} {failure.suggestion}"
    status = it.status()
    assert (status.state, status.failure, it.routes()) == (State.FAILED, failure, ())
    assert status.why in (WhyNotReady.START_FAILED, WhyNotReady.GAVE_UP)


def test_a_port_in_use_is_raised_with_the_process_that_holds_it(make: Bridges) -> None:
    held = listen("127.0.0.1", 0)
    with pytest.raises(ListenError, match=f"in use by pid {os.getpid()} "):
        make(port=held.address.port).start()  # type: ignore[union-attr]
    held.close()  # type: ignore[union-attr]


def test_a_start_after_a_failure_tries_again(make: Bridges) -> None:
    faults = iter([SYNTAX])
    it = make(Nursery(lambda child: child.end(code=1, stderr=fault) if (fault := next(faults, "")) else None))
    with pytest.raises(TargetError):
        it.start()
    it.start()
    assert it.is_ready()
    assert it.status().failure is None


def test_a_start_after_a_refused_address_tries_again(make: Bridges) -> None:
    held = listen("127.0.0.1", 0)
    it = make(port=held.address.port)  # type: ignore[union-attr]
    with pytest.raises(ListenError):
        it.start()
    held.close()  # type: ignore[union-attr]
    it.start()
    assert it.is_ready()


def test_a_stop_during_the_start_ends_the_wait_for_it(make: Bridges) -> None:
    it = make(probe=Health(Answer(ok=False, reason="starting")), rules=replace(FAST, start_tries=10**6))
    errors: list[StartError] = []

    def start() -> None:
        with pytest.raises(StartError) as caught:
            it.start()
        errors.append(caught.value)

    thread = in_thread(start)
    assert it.wait_for(State.STARTING, timeout_s=PATIENCE_S)
    it.stop()
    finish(thread)
    assert "stopped while it started" in str(errors[0])


def test_a_stop_at_the_very_beginning_of_a_start_is_not_lost(make: Bridges, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, start = threading.Event(), threading.Event(), Loop.start

    def slowly(loop: Loop) -> None:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        start(loop)

    monkeypatch.setattr(Loop, "start", slowly)
    it = make(probe=Health(Answer(ok=False, reason="starting")), rules=replace(FAST, start_tries=10**6))

    def begin() -> None:
        with pytest.raises(StartError):
            it.start()

    starting = in_thread(begin)
    assert begun.wait(PATIENCE_S)
    stopping = in_thread(it.stop)
    stopping.join(0.1)  # time to be lost
    go_on.set()
    finish(stopping)
    finish(starting)
    assert it.status().state is State.STOPPED
    assert it._loop is not None
    assert not it._loop.alive  # nothing goes on behind it


def test_a_fault_of_the_bridge_itself_leaves_nobody_waiting(make: Bridges, recwarn: pytest.WarningsRecorder) -> None:
    def broken(_child: FakeChild) -> None:
        raise ZeroDivisionError

    it = make(Nursery(broken))
    hook, threading.excepthook = threading.excepthook, lambda _: None
    try:
        with pytest.raises(StartError):
            it.start()
    finally:
        threading.excepthook = hook
    assert it.status().state is State.STOPPED


# Logs.


def test_a_failure_is_logged_with_stderr_and_exit_code(make: Bridges, entries: Callable[[int], list[str]]) -> None:
    with pytest.raises(StartError):
        make(ends(3, "loading\nRuntimeError: no licence\n"), rules=NEVER).start()
    warnings = entries(logging.WARNING)
    assert any("exited with code 3 (RuntimeError: no licence)" in entry for entry in warnings)
    assert any("    | loading\n    | RuntimeError: no licence" in entry for entry in warnings)
    assert any("is given up" in entry for entry in warnings)


def test_a_failure_is_logged_with_its_signal(make: Bridges, entries: Callable[[int], list[str]]) -> None:
    nursery = Nursery()
    it = make(nursery, rules=NEVER)
    it.start()
    nursery.last.end(signal="SIGSEGV", stderr="Fatal Python error\n")
    assert it.wait_for(State.FAILED, timeout_s=PATIENCE_S)
    assert any(
        "was killed by SIGSEGV" in entry and "| Fatal Python error" in entry for entry in entries(logging.WARNING)
    )


def test_a_start_that_takes_too_long_is_logged_as_a_warning(make: Bridges, entries: Callable[[int], list[str]]) -> None:
    with pytest.raises(ReadinessError):
        make(probe=Health(Answer(ok=False, reason="status 500")), rules=NEVER).start()
    assert any("did not become ready" in entry and "status 500" in entry for entry in entries(logging.WARNING))


def test_a_stop_is_no_warning(make: Bridges, entries: Callable[[int], list[str]]) -> None:
    it = make()
    it.start()
    it.stop()
    assert entries(logging.WARNING) == []


# While it runs.


def test_a_crash_is_followed_by_another_start(make: Bridges) -> None:
    nursery = Nursery()
    it = make(nursery)
    events = heard(it)
    it.start()
    nursery.last.end(signal="SIGKILL")
    until(lambda: len(nursery.children) == 2 and it.is_ready())
    assert events.words == ["starting", "ready", "exited", "restarting", "starting", "ready"]
    assert (it.status().restarts, str(it.status().last_exit)) == (1, "was killed by SIGKILL")


def test_one_that_stops_answering_is_unhealthy_and_comes_back(make: Bridges) -> None:
    health = Health(Answer(ok=True))
    it = make(probe=health, rules=NEVER)
    it.start()
    health.answer = Answer(ok=False, reason="no answer within 5 s")
    assert it.wait_for(State.UNHEALTHY, timeout_s=PATIENCE_S)
    status = it.status()
    assert (status.why, it.routes()) == (WhyNotReady.UNHEALTHY, ())
    assert "no answer within 5 s" in str(status.failure)
    health.answer = Answer(ok=True)
    assert it.wait_for(State.READY, timeout_s=PATIENCE_S)


def test_the_health_question_carries_token_and_nonce(make: Bridges) -> None:
    health, nursery = Health(Answer(ok=True)), Nursery()
    it = make(nursery, probe=health)
    it.start()
    question = health.asked[0]
    assert (question.token, question.nonce) == (it.token, nursery.last.launch.cookie)


def test_health_is_asked_at_a_socket_of_this_launch(make: Bridges) -> None:
    health = Health(Answer(ok=True))
    it = make(probe=health)
    it.start()
    assert health.asked[0].port != it.routes()[0].address.port


def test_what_the_child_prints_goes_to_the_sink() -> None:
    blocks, nursery = [], Nursery(lambda child: child.prints("hello\n"))
    it = PythonBridge(bridge().options, sink=blocks.append, spawn=nursery, probe=Health(Answer(ok=True)))
    it.start()
    it.stop()
    assert [(block.source, block.lines()) for block in blocks] == [("Python", ["hello"])]


def test_a_reload_changes_the_generation_and_keeps_the_address(make: Bridges) -> None:
    it = make()
    it.start()
    before = it.routes()[0]
    it.reload()
    until(lambda: it.routes() and it.routes()[0].generation != before.generation)
    assert it.routes()[0].address == before.address


def test_a_reload_of_what_does_not_run_is_nothing(make: Bridges) -> None:
    it = make()
    it.reload()
    assert it.status().state is State.STOPPED
