"""Ready means ready, and not for a moment only: pitfalls 9 to 14 and 27 of research/bridge_proxy.md §3."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mediabridge.bridge import (
    ExitStatus,
    FailureKind,
    ListenError,
    Policy,
    ReadinessError,
    RestartRules,
    State,
    WhyNotReady,
)

from .load import get
from .processes import QUICK, application, bridge, holds, living, sidecar, until

ONCE = replace(QUICK, restart=RestartRules(policy=Policy.NEVER))


def test_a_sidecar_that_crashes_after_every_start_is_given_up_with_growing_pauses():
    """Pitfall 9: it is ready each time, and still the failures count."""
    rules = replace(QUICK, restart=RestartRules(base_s=0.1, jitter=0, limit=3))
    with bridge(sidecar("crasher", 0.1, 3), rules) as run:
        run.bridge.start()
        assert run.bridge.wait_for(State.FAILED, timeout_s=10)
        pauses = [start - told for told, start in zip(run.at("restarting"), run.at("starting")[1:], strict=True)]
        assert [round(pause, 1) for pause in pauses] == [0.1, 0.2, 0.4]
        status = run.bridge.status()
        assert (status.why, status.failure.kind) == (WhyNotReady.GAVE_UP, FailureKind.CRASH_LOOP)
        assert "failed 4 times in a row" in status.failure.message
        until(lambda: run.said[-1] == "failed", 1)


def test_one_crash_a_day_is_forgiven_each_time():
    """Pitfall 10: with a clock that jumps a day while it is ready, five crashes do not add up to a limit of two."""
    days = itertools.count()
    day = next(days)
    rules = replace(QUICK, restart=RestartRules(base_s=0.01, limit=2))
    with bridge(application(), rules, clock=lambda: time.monotonic() + day * 86400) as run:
        run.bridge.start()
        for restarts in range(1, 6):
            day = next(days)
            os.kill(run.bridge.status().pid, signal.SIGKILL)
            until(lambda n=restarts: run.bridge.is_ready() and run.bridge.status().restarts == n, what="ready again")
        assert "failed" not in run.said


def test_failed_checks_count_only_in_a_row():
    """Pitfall 11: fail, pass, fail, pass … never makes three in a row."""
    rules = replace(QUICK, liveness_interval_s=0.01, unhealthy_after=3)
    with bridge(sidecar("scripted", "SFSFF"), rules) as run:
        run.bridge.start()
        seen = set()
        until(lambda: seen.add(run.bridge.status().last_health_check_at) or len(seen) > 15, what="15 checks")
        assert "unhealthy" not in run.said


def test_three_failed_checks_in_a_row_are_unhealthy_and_one_that_passes_is_ready_again():
    """Pitfall 11, the other half."""
    rules = replace(QUICK, liveness_interval_s=0.01, unhealthy_after=3, replace_after=100)
    with bridge(sidecar("scripted", "SSFFFF"), rules) as run:
        run.bridge.start()
        until(lambda: run.said.count("ready") >= 3)
        assert run.said[:6] == ["starting", "ready", "unhealthy", "ready", "unhealthy", "ready"]


def test_a_sidecar_with_all_threads_busy_is_not_taken_for_dead():
    """Pitfall 12: health does not queue behind work; twenty long requests on eight threads cost no check."""
    rules = replace(QUICK, liveness_interval_s=0.1, unhealthy_after=2, replace_after=4)
    with bridge(application(), rules, liveness_timeout_s=0.3) as run:
        run.bridge.start()
        url, token = run.bridge.url, run.bridge.token
        outcomes = []
        clients = [threading.Thread(target=lambda: outcomes.append(get(url, token, "/slow/0.8"))) for _ in range(20)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert [one.error for one in outcomes] == [""] * 20
        assert run.said == ["starting", "ready"]


@contextmanager
def stranger(port: int = 0) -> Iterator[int]:
    """Somebody else's server that answers 200 to everything; gives its port."""
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{"status":"ok"}'
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("takes_socket", [True, False], ids=["held socket", "binds itself"])
def test_a_stranger_on_the_port_is_named_and_not_adopted(takes_socket):
    """Pitfall 13: an orphan of the last run, or another program."""
    with stranger() as port:
        target = sidecar("family", takes_socket=takes_socket)
        with bridge(target, ONCE, port=port) as run, pytest.raises(ListenError) as caught:
            run.bridge.start()
        failure = caught.value.failure
        assert f"127.0.0.1:{port} is already in use by pid {os.getpid()} (" in failure.message
        assert f"PORT={port + 1}" in failure.suggestion
        assert failure.permanent


def test_a_stranger_that_takes_the_port_between_our_look_and_the_sidecars_bind_is_not_adopted():
    """Pitfall 13: the sidecar does not prove its identity, but who listens at the port can be read."""
    port = random.SystemRandom().randrange(20000, 30000)
    target = sidecar("mute", takes_socket=False, echoes_nonce=False)
    with bridge(target, replace(ONCE, start_tries=5, start_interval_s=0.05), port=port) as run:
        run.bridge.start(wait=False)
        until(lambda: living(run.mark), what="the sidecar runs")
        with stranger(port), pytest.raises(ReadinessError) as caught:
            run.bridge.start()
        assert f"is answered by pid {os.getpid()} (" in caught.value.failure.message
        assert "not by this sidecar" in caught.value.failure.message
        assert "ready" not in run.said


def test_the_answer_of_another_start_is_not_taken_for_this_one():
    """Pitfall 13: status and program are right, the nonce is not this start's."""
    target = sidecar("scripted", "S", env={"MEDIABRIDGE_TEST_NONCE": "of yesterday"})
    with bridge(target, replace(ONCE, start_tries=3)) as run, pytest.raises(ReadinessError) as caught:
        run.bridge.start()
    assert "another program answers there, or an older start of this one" in caught.value.failure.message


def test_a_sidecar_that_answers_once_and_dies_is_not_ready_and_says_why():
    """Pitfall 14."""
    with bridge(sidecar("once"), ONCE) as run:
        run.bridge.start()
        assert run.bridge.wait_for(State.FAILED, timeout_s=1)
        status = run.bridge.status()
        assert not run.bridge.is_ready()
        assert run.bridge.routes() == ()
        assert (status.why, status.last_exit) == (WhyNotReady.EXITED, ExitStatus(code=7))
        assert "once: that was all" in status.failure.stderr_head


def test_a_sidecar_that_never_listens_is_given_up_in_time():
    """Pitfall 14: running is not ready."""
    rules = replace(ONCE, start_timeout_s=0.5)
    with bridge(sidecar("mute", takes_socket=False, echoes_nonce=False), rules) as run:
        begin = time.monotonic()
        with pytest.raises(ReadinessError):
            run.bridge.start()
        assert 0.5 <= time.monotonic() - begin < 1.5
        until(lambda: not run.family(), 1, "no process is left")


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_jump_of_the_wall_clock_neither_shortens_nor_prolongs_a_wait(monkeypatch, jump):
    """Pitfall 27: every wait of the bridge is on the monotonic clock."""
    real = time.time
    jumps = itertools.count(1)
    monkeypatch.setattr(time, "time", lambda: real() + jump * next(jumps))
    with bridge(sidecar("family", "stubborn"), replace(QUICK, grace_s=0.3)) as run:
        run.bridge.start()
        assert holds(run.bridge.is_ready, 0.3)
        begin = time.monotonic()
        run.bridge.stop()
        assert 0.3 <= time.monotonic() - begin < 1.3
