"""However the host ends, nothing of its sidecar lives on: pitfalls 1, 2, 7, 8 of research/bridge_proxy.md §3.

Where each of the 28 is tested (real processes in test_pitfalls_*, test_signals; pure tables in the others):

 1 host killed, sidecar lives on      test_pitfalls_1_orphans (start, ready, load, stop, GIL held, forks), campaign
 2 death signal of a thread           test_pitfalls_1_orphans
 3 grandchildren survive stop         test_pitfalls_2_trees, test_signals (wiped environment, sessions), campaign
 4 crash leaves the old group         test_pitfalls_2_trees
 5 exit hidden by a pipe              test_pitfalls_2_trees
 6 SIGTERM ignored                    test_pitfalls_2_trees (also paused, also a second kill), campaign
 7 Ctrl+C reaches both                test_pitfalls_1_orphans (on a pty)
 8 terminal closed                    test_pitfalls_1_orphans (on a pty)
 9 fast crash loop                    test_pitfalls_3_readiness, test_restart, test_lifecycle_properties
10 counter never reset                test_pitfalls_3_readiness (a clock that jumps), test_lifecycle
11 failures not in a row              test_pitfalls_3_readiness, test_lifecycle
12 busy taken for dead                test_pitfalls_3_readiness
13 a stranger answers                 test_pitfalls_3_readiness, test_health, test_listener
14 ready for one answer               test_pitfalls_3_readiness
15 port found, then lost              test_pitfalls_4_requests
16 gap while restarting               test_pitfalls_4_requests (SIGKILL, rolling, kept connections)
17 one sidecar per worker             test_pitfalls_5_shared, test_single, test_fork
18 invalid UTF-8                      test_pitfalls_6_output, test_output
19 split characters, lines, tails     test_pitfalls_6_output, test_output
20 host's output blocked              test_pitfalls_6_output, test_writer
21 block-buffered output              test_pitfalls_6_output
22 stop drops requests                test_pitfalls_4_requests
23 pid given away again               test_pitfalls_2_trees (the kernel is made to)
24 stop while a spawn is under way    test_pitfalls_2_trees, test_lifecycle_properties
25 signal shown as a code             test_signals, test_diagnosis
26 interpreter is a launcher          test_pitfalls_2_trees (a shim that forks)
27 wall clock jumps                   test_pitfalls_3_readiness
28 Windows has no SIGTERM             test_tree_windows (the platform seam); skipped in test_pitfalls_2_trees, says why
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading

import pytest

from .hosting import host
from .load import Load
from .processes import GONE_S, SIDECARS, bridge, gone_within, holds, living, sidecar, until

FAMILY = str(SIDECARS / "family.py")
HOG = str(SIDECARS / "hog.py")
APPLICATION = {"target": ["application:app"], "fields": {"cwd": str(SIDECARS)}}


def test_a_host_killed_while_its_sidecar_starts_leaves_nothing():
    """Pitfall 1, at the first moment there is a child."""
    with host(target=[FAMILY]) as killed:
        killed.wait_for("starting")
        until(lambda: len(living(killed.mark)) > 1, what="a child")
        killed.process.kill()
        gone_within(killed.mark)


@pytest.mark.parametrize("target", [[FAMILY], [FAMILY, "stubborn"]], ids=["family", "stubborn family"])
def test_a_host_killed_while_its_sidecar_is_ready_leaves_nothing(target):
    """Pitfall 1: grandchildren in sessions of their own, and deaf to SIGTERM."""
    with host(target=target) as killed:
        killed.wait_for("ready")
        assert len(living(killed.mark)) == 6, "host, watcher, sidecar and three sleepers"
        killed.process.kill()
        gone_within(killed.mark)


def test_a_host_killed_while_its_sidecar_holds_the_interpreter_lock_leaves_nothing():
    """Pitfall 1: no thread and no signal handler of the sidecar can run; the watcher is a process of its own."""
    with host(target=[HOG]) as killed:
        killed.wait_for("ready")
        until(lambda: "hog" in living(killed.mark).values(), what="the lock is held")
        killed.process.kill()
        gone_within(killed.mark)


def test_a_host_killed_under_load_leaves_nothing():
    """Pitfall 1, with requests under way."""
    with host(**APPLICATION) as killed:
        ready = killed.wait_for("ready")
        with Load(ready["url"], ready["token"], clients=4, path="/slow/0.05") as load:
            until(lambda: len(load.answered) > 10, what="ten answers")
            killed.process.kill()
            gone_within(killed.mark)


def test_a_host_killed_while_it_stops_a_stubborn_tree_leaves_nothing():
    """Pitfall 1, between SIGTERM and SIGKILL."""
    with host(target=[FAMILY, "stubborn"], rules={"grace_s": 60.0}) as killed:
        killed.wait_for("ready")
        killed.process.terminate()
        killed.wait_for("stopping")
        killed.process.kill()
        gone_within(killed.mark)


def test_host_and_sidecar_killed_at_the_same_moment_leave_nothing():
    """Pitfall 1: the watcher does not need the sidecar that it was started with."""
    with host(target=[FAMILY, "stubborn"]) as killed:
        sidecar_pid = killed.wait_for("ready")["pid"]
        os.kill(sidecar_pid, signal.SIGKILL)
        killed.process.kill()
        gone_within(killed.mark)


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGQUIT", "SIGHUP", "SIGUSR2"])
def test_a_host_that_ends_by_another_signal_leaves_nothing(name):
    """Pitfall 1: a fault in the host's own code, or somebody's signal."""
    with host(target=[FAMILY]) as killed:
        killed.wait_for("ready")
        killed.process.send_signal(getattr(signal, name))
        gone_within(killed.mark)


@pytest.mark.parametrize("leave", ["return", "raise", "_exit"])
def test_a_host_that_ends_without_a_stop_leaves_nothing(leave):
    """Pitfall 1: the end of the program, an exception nobody caught, `os._exit`."""
    with host(target=[FAMILY], leave=leave) as left:
        left.wait_for("leaves")
        left.process.wait(5)
        gone_within(left.mark)


def test_a_copy_of_the_host_made_by_fork_does_not_keep_the_sidecar_alive():
    """Pitfall 1, pre-forking servers: the workers inherit every descriptor, the death pipe must not be among them."""
    with host(target=[FAMILY], fork=True) as killed:
        copy = killed.wait_for("forked")["pid"]
        killed.process.kill()
        until(lambda: list(living(killed.mark)) == [copy], GONE_S, "only the copy lives")
        os.kill(copy, signal.SIGKILL)


def test_the_copy_of_a_host_can_end_without_ending_the_sidecar():
    """The reverse: a worker that goes is not the host that goes."""
    with host(target=[FAMILY], fork=True) as forked:
        copy = forked.wait_for("forked")["pid"]
        before = set(living(forked.mark)) - {copy}
        os.kill(copy, signal.SIGKILL)
        assert holds(lambda: before <= set(living(forked.mark)), 0.5)


def test_the_thread_that_started_the_sidecar_may_end():
    """Pitfall 2: PR_SET_PDEATHSIG follows the thread; the death pipe follows the process."""
    with bridge(sidecar("family")) as run:
        thread = threading.Thread(target=run.bridge.start)
        thread.start()
        thread.join(10)
        family = set(run.family())
        assert run.bridge.is_ready()
        assert len(family) == 4
        assert holds(lambda: family <= set(run.family()), 1.0)


def test_ctrl_c_on_a_terminal_reaches_the_host_alone():
    """Pitfall 7: the sidecar is asked to end by its host; nothing is called a crash, nothing is started again."""
    with host(terminal=True, target=[FAMILY], restart={"policy": "always"}) as asked:
        asked.wait_for("ready")
        os.write(asked.terminal, b"\x03")
        asked.wait_for("ended")
        assert asked.process.wait(5) == 0
        assert [what for what in asked.said if what != "host"] == ["starting", "ready", "stopping", "stopped", "ended"]
        assert "ended by itself" not in asked.output
        gone_within(asked.mark)


def test_a_second_ctrl_c_kills_at_once():
    """Pitfall 7: who is impatient is not kept waiting for the rest of the grace time."""
    with host(terminal=True, target=[FAMILY, "stubborn"], rules={"grace_s": 60.0}) as asked:
        asked.wait_for("ready")
        os.write(asked.terminal, b"\x03")
        asked.wait_for("stopping")
        os.write(asked.terminal, b"\x03")
        asked.wait_for("ended", GONE_S)
        assert asked.process.wait(5) == 0
        gone_within(asked.mark)


@pytest.mark.parametrize("target", [[FAMILY], [FAMILY, "stubborn"]], ids=["family", "stubborn family"])
def test_a_terminal_that_is_closed_ends_everything(target):
    """Pitfall 8: SIGHUP ends the host and never reaches a sidecar in a session of its own; the death pipe does."""
    with host(terminal=True, target=target) as closed:
        closed.wait_for("ready")
        closed.close_terminal()
        assert closed.process.wait(5) == -signal.SIGHUP
        gone_within(closed.mark)


def test_a_host_that_is_stopped_by_the_shell_keeps_its_sidecar():
    """Ctrl+Z is not an end: neither the pause nor the going on costs the sidecar its life."""
    with host(terminal=True, target=[FAMILY]) as paused:
        paused.wait_for("ready")
        before = set(living(paused.mark))
        os.kill(paused.process.pid, signal.SIGSTOP)
        assert holds(lambda: before <= set(living(paused.mark)), 0.5)
        with contextlib.suppress(ProcessLookupError):
            os.kill(paused.process.pid, signal.SIGCONT)
        assert holds(lambda: before <= set(living(paused.mark)), 0.3)
