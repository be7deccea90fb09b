"""The whole tree ends, and its end is noticed: pitfalls 3 to 6, 23, 24, 26, 28 of research/bridge_proxy.md §3."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mediabridge.bridge import ExitStatus, Policy, RestartRules, State
from mediabridge.bridge.child import Child, Launch

from .processes import (
    MARK,
    QUICK,
    SIDECARS,
    WATCHER,
    Run,
    alive,
    application,
    bridge,
    holds,
    living,
    sidecar,
    until,
)

ONCE = replace(QUICK, restart=RestartRules(policy=Policy.NEVER))
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


def test_stop_ends_grandchildren_in_groups_and_sessions_of_their_own():
    """Pitfall 3."""
    with bridge(sidecar("family")) as run:
        run.bridge.start()
        assert len(run.family()) == 4
        run.bridge.stop()
        assert run.family() == []


def test_a_crash_takes_what_it_left_with_it_before_the_next_start():
    """Pitfall 4: after three restarts there is one tree, never two."""
    rules = replace(QUICK, restart=RestartRules(base_s=0.01, limit=3))
    seen = []
    with bridge(sidecar("crasher", 0.05, 3, "leave"), rules) as run:
        run.bridge.subscribe(lambda event: event.what == "starting" and seen.append(run.family()))
        run.bridge.start()
        assert run.bridge.wait_for(State.FAILED, timeout_s=10)
        assert seen == [[], [], [], []]
        assert run.family() == []


@pytest.mark.parametrize("flood", [(), ("flood",)], ids=["silent", "writes for ever"])
def test_an_exit_is_noticed_although_a_grandchild_keeps_the_pipe(flood):
    """Pitfall 5: exit code 3 within a second of the start."""
    with bridge(sidecar("keeper", *flood), ONCE) as run:
        run.bridge.start(wait=False)
        assert run.bridge.wait_for(State.FAILED, timeout_s=1)
        assert run.bridge.status().last_exit == ExitStatus(code=3)
        assert "keeper: gone" in run.lines("stderr")


@pytest.mark.parametrize("grace_s", [0.0, 0.3, 1.0])
def test_a_tree_that_ignores_sigterm_is_killed_after_the_grace_time(grace_s):
    """Pitfall 6: the grace time is the setting's, and the total is bounded by a second more."""
    with bridge(sidecar("family", "stubborn"), replace(QUICK, grace_s=grace_s)) as run:
        run.bridge.start()
        begin = time.monotonic()
        run.bridge.stop()
        assert grace_s <= time.monotonic() - begin < grace_s + 1
        assert run.family() == []
        assert run.said[-3:] == ["stopping", "killing", "stopped"]


def test_kill_does_not_wait_for_a_stop_under_way():
    """Pitfall 6: the impatient second Ctrl+C."""
    with bridge(sidecar("family", "stubborn"), replace(QUICK, grace_s=60)) as run:
        run.bridge.start()
        stopping = threading.Thread(target=run.bridge.stop)
        stopping.start()
        assert run.bridge.wait_for(State.STOPPING, timeout_s=2)
        begin = time.monotonic()
        run.bridge.kill()
        assert time.monotonic() - begin < 1
        assert run.family() == []
        stopping.join(2)
        assert not stopping.is_alive()


def test_a_paused_sidecar_is_ended_too():
    """Pitfall 6: a process that was stopped (SIGSTOP) does not see SIGTERM."""
    with bridge(sidecar("family"), replace(QUICK, grace_s=0.3)) as run:
        run.bridge.start()
        os.kill(run.bridge.status().pid, signal.SIGSTOP)
        begin = time.monotonic()
        run.bridge.stop()
        assert time.monotonic() - begin < 1.3
        assert run.family() == []


def test_a_sidecar_that_waits_for_all_its_children_does_not_wait_for_the_watcher():
    """Pitfall 6, from the other side: a pre-forking server ends when its own children have ended."""
    with bridge(sidecar("waiter"), replace(QUICK, grace_s=5)) as run:
        run.bridge.start()
        begin = time.monotonic()
        run.bridge.stop()
        assert time.monotonic() - begin < 1
        assert run.bridge.status().last_exit == ExitStatus(code=0)


def test_a_stranger_that_got_the_pid_of_an_ended_sidecar_is_spared(tmp_path):
    """Pitfall 23: the kernel gives a pid away again as soon as it has been waited for."""
    if not os.access(LAST_PID, os.W_OK):
        pytest.skip("needs the right to choose the next pid (root, CONFIG_CHECKPOINT_RESTORE)")
    exits: list[ExitStatus] = []
    run = Run(sidecar("mute"))
    launch = Launch("x", ["/bin/sh", "-c", "exit 3"], {**os.environ, MARK: run.mark}, run.mark)
    child = Child(launch, lambda block: None, exits.append)
    until(lambda: exits, what="the exit")
    stranger = _process_with_pid(child.pid)
    try:
        if stranger is not None:
            assert child.alive() == 0
            child.ask()
            child.kill()
            child.release()
            assert holds(lambda: stranger.poll() is None, 0.3)
    finally:
        child.release()
        if stranger is not None:
            stranger.kill()
            stranger.wait()


def _process_with_pid(pid: int) -> subprocess.Popen[bytes] | None:
    """A program of somebody else's under this number; None when the kernel does not give the number away."""
    for _ in range(20):
        LAST_PID.write_text(str(pid - 1))
        other = subprocess.Popen(["sleep", "60"], start_new_session=True)
        if other.pid == pid:
            return other
        other.kill()
        other.wait()
    return None


def test_a_stop_right_after_the_start_leaves_nothing():
    """Pitfall 24: a hundred spawns that are under way while somebody stops."""
    with bridge(sidecar("family")) as run:
        for index in range(100):
            run.bridge.start(wait=False)
            threading.Event().wait(0.001 * (index % 5))
            run.bridge.stop()
            assert run.family() == []


def test_an_interpreter_that_forks_the_real_one_is_stopped_with_it(monkeypatch):
    """Pitfall 26: the pid that was started is not the interpreter's; the status names the one that answers."""
    monkeypatch.setenv("REAL_PYTHON", sys.executable)
    with bridge(application(), python=str(SIDECARS / "shim.sh")) as run:
        run.bridge.start()
        names = living(run.mark)
        assert sorted(names.values()) == sorted(["shim.sh", "python", WATCHER])
        assert names[run.bridge.status().pid] == "python"
        run.bridge.stop()
        assert run.family() == []


def test_the_death_of_the_real_interpreter_behind_a_launcher_is_noticed(monkeypatch):
    """Pitfall 26: kill -9 of what the launcher started; the launcher's exit tells of it."""
    monkeypatch.setenv("REAL_PYTHON", sys.executable)
    with bridge(application(), python=str(SIDECARS / "shim.sh")) as run:
        run.bridge.start()
        first = run.bridge.status().pid
        os.kill(first, signal.SIGKILL)
        assert run.bridge.wait_for(*set(State) - {State.READY}, timeout_s=1)
        assert run.bridge.wait_for(State.READY, timeout_s=5)
        assert run.bridge.status().pid != first
        assert not alive(first)


@pytest.mark.skipif(sys.platform != "win32", reason="CTRL_BREAK_EVENT and Job Objects exist on Windows only")
def test_windows_ends_a_tree_with_ctrl_break_then_its_job():
    """Pitfall 28: `taskkill /T` without `/F` does nothing to console programs."""
    with bridge(sidecar("family")) as run:
        run.bridge.start()
        run.bridge.stop()
        assert run.family() == []
