"""No port and no request is lost: pitfalls 15, 16, 22 of research/bridge_proxy.md §3."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mediabridge.bridge import Policy, State

from .load import Load, get
from .processes import MARK, QUICK, SIDECARS, Run, alive, application, bridge, gone_within, holds, sidecar, sweep, until


@pytest.mark.parametrize("kind", ["held socket", "binds itself"])
def test_two_supervisors_start_fifty_sidecars_each_at_once_and_no_port_is_lost(kind):
    """Pitfall 15: a port that was found free is not free a moment later; all hundred start, on a hundred ports."""
    run = Run(sidecar("family"))
    command = [sys.executable, str(SIDECARS / "many.py"), "50", kind]
    environ = {**os.environ, MARK: run.mark}
    both = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        ports = [port for one in both for port in json.loads(one.communicate(timeout=60)[0])]
        assert len(ports) == 100
        assert [port for port in ports if not isinstance(port, int)] == []
        gone_within(run.mark)
    finally:
        for one in both:
            one.kill()
            one.wait()
        sweep(run.mark)


def test_a_free_port_that_somebody_else_takes_first_is_replaced_by_another():
    """Pitfall 15: between our look and the sidecar's bind; no other bridge, any program."""
    with bridge(sidecar("late", takes_socket=False)) as run:
        run.bridge.start(wait=False)
        until(lambda: run.lines("stdout"), what="the sidecar says which port it was given")
        with socket.create_server(("127.0.0.1", int(run.lines("stdout")[0]))) as taken:
            run.bridge.start()
            assert run.bridge.address.port != taken.getsockname()[1]
        assert run.said == ["starting", "exited", "restarting", "starting", "ready"]


def test_a_sidecar_killed_under_load_costs_no_request_that_was_not_inside_it():
    """Pitfall 16: eight clients, three SIGKILLs; whatever arrives in the gap waits for the next process."""
    with bridge(application(), replace(QUICK, liveness_interval_s=5)) as run:
        run.bridge.start()
        kills = []
        with Load(run.bridge.url, run.bridge.token, clients=8, path="/slow/0.01") as load:
            for restarts in range(1, 4):
                load.wait_for_more(40)
                kills.append(_kill(run))
                until(lambda n=restarts: run.bridge.status().restarts == n and run.bridge.is_ready(), what="ready")
        lost = [one for one in load.failed if not any(one.begin < dead and one.end > sent for sent, dead in kills)]
        assert lost == []
        assert len(load.failed) <= 8 * len(kills)
        assert len({one.body for one in load.answered}) == 4, "four processes answered"


def _kill(run: Run) -> tuple[float, float]:
    """Kill the sidecar; gives the moments between which it died."""
    pid = run.bridge.status().pid
    sent = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while alive(pid):
        pass
    return sent, time.monotonic()


def test_requests_that_arrive_while_no_process_runs_are_answered():
    """Pitfall 16, the gap alone: they are sent after the death was noticed and before the next start."""
    rules = replace(QUICK, restart=replace(QUICK.restart, base_s=0.5, jitter=0))
    with bridge(application(), rules) as run, ThreadPoolExecutor(20) as clients:
        run.bridge.start()
        url, token = run.bridge.url, run.bridge.token
        os.kill(run.bridge.status().pid, signal.SIGKILL)
        assert run.bridge.wait_for(State.BACKOFF, timeout_s=1)
        outcomes = list(clients.map(lambda _: get(url, token, "/"), range(20)))
        assert [one.error for one in outcomes] == [""] * 20
        assert {one.body for one in outcomes} == {str(run.bridge.status().pid)}


def test_requests_that_arrive_when_no_process_will_run_again_are_turned_away():
    """The held socket would take them, and keep them until the client gives up; a later start serves again."""
    rules = replace(QUICK, restart=replace(QUICK.restart, policy=Policy.NEVER))
    with bridge(application(), rules) as run:
        run.bridge.start()
        url, token = run.bridge.url, run.bridge.token
        for _ in range(2):
            os.kill(run.bridge.status().pid, signal.SIGKILL)
            assert run.bridge.wait_for(State.FAILED, timeout_s=5)
            assert get(url, token, "/", timeout_s=5).error.startswith(("answered b''", "ConnectionResetError"))
            run.bridge.start()
            assert get(url, token, "/").body == str(run.bridge.status().pid)


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_rolling_replacement_under_load_fails_no_request(replicas):
    """Pitfall 16: short and long requests, three reloads."""
    with bridge(application(), replace(QUICK, grace_s=5), replicas=replicas) as run:
        run.bridge.start()
        until(lambda: len(run.bridge.routes()) == replicas, what="all replicas are ready")
        first = set(run.family())
        url, token = run.bridge.url, run.bridge.token
        with Load(url, token, clients=6) as load, Load(url, token, clients=2, path="/slow/0.3") as slow:
            for reloads in range(1, 4):
                load.wait_for_more(20)
                run.bridge.reload()
                until(lambda n=reloads * replicas: run.said.count("retired") == n, 10, "the old ones are gone")
        assert (load.failed, slow.failed) == ([], [])
        assert len(run.family()) == replicas
        assert not first & set(run.family())
        assert "unhealthy" not in run.said


def test_a_rolling_replacement_fails_no_request_on_connections_that_are_kept_open():
    """Pitfall 16: the old process says that it closes, and the next request goes to the new one."""
    with bridge(application(), replace(QUICK, grace_s=5)) as run:
        run.bridge.start()
        with Load(run.bridge.url, run.bridge.token, clients=4, keep_alive=True) as load:
            load.wait_for_more(20)
            run.bridge.reload()
            until(lambda: "retired" in run.said, 3, "the old one is gone before the grace time is over")
            load.wait_for_more(20)
        assert load.failed == []
        assert len({one.body for one in load.answered}) == 2


def test_a_reload_whose_new_process_does_not_start_keeps_the_old_one(tmp_path):
    """Pitfall 16: a faulty new version costs nobody a request."""
    source = (SIDECARS / "application.py").read_text()
    (tmp_path / "application.py").write_text(source)
    with bridge(replace(application(), cwd=str(tmp_path))) as run:
        run.bridge.start()
        pid = run.bridge.status().pid
        with Load(run.bridge.url, run.bridge.token, clients=4) as load:
            (tmp_path / "application.py").write_text("def app(:")
            run.bridge.reload()
            until(lambda: "reload_failed" in run.said, what="the failure is told")
            assert holds(lambda: run.bridge.is_ready() and run.bridge.status().pid == pid, 0.3)
        assert load.failed == []
        assert [event.failure.kind for _, event in run.events if event.what == "reload_failed"] == ["syntax_error"]


@pytest.mark.parametrize("clients", [1, 8])
def test_requests_under_way_are_finished_before_a_stop(clients):
    """Pitfall 22: waitress by itself drops them at once, or after five seconds."""
    with bridge(application(), replace(QUICK, grace_s=5)) as run, ThreadPoolExecutor(clients) as pool:
        run.bridge.start()
        url, token = run.bridge.url, run.bridge.token
        under_way = [pool.submit(get, url, token, "/slow/1.0") for _ in range(clients)]
        until(lambda: _connected(run) >= clients, what="all requests are in")
        run.bridge.stop()
        assert [one.result().error for one in under_way] == [""] * clients
        assert "killing" not in run.said


def test_a_request_longer_than_the_grace_time_does_not_hold_the_stop():
    """Pitfall 22, the bound."""
    with bridge(application(env={"FLASK_SHUTDOWN_TIMEOUT": "300"}), replace(QUICK, grace_s=0.5)) as run:
        run.bridge.start()
        url, token = run.bridge.url, run.bridge.token
        client = threading.Thread(target=get, args=(url, token, "/slow/30"))
        client.start()
        until(lambda: _connected(run) >= 1, what="the request is in")
        run.bridge.stop()
        assert run.family() == []
        client.join(2)
        assert not client.is_alive()


def _connected(run: Run) -> int:
    """How many connections the sidecar holds at its public address."""
    pid, port = run.bridge.status().pid, int(run.bridge.url.rpartition(":")[2])
    suffix = f":{port:04X}"
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(suffix) and row[3] == "01"}  # established
    return sum(str(fd.readlink()) in inodes for fd in Path(f"/proc/{pid}/fd").iterdir())
