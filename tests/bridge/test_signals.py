"""Signals, exit statuses, what a child inherits: the kinds of case that Yelp's dumb-init is tested with, on one launch.

Its suite drives an `init` that forwards what it gets; a bridge is asked by its host instead, so these go to the group
through `Child` and `PythonBridge`. What does not apply: rewriting of signals and its options (`-r`, `-c`, `-v`, `-V`),
its own usage texts, reaping as PID 1, and a child on the host's terminal (a sidecar never gets one).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mediabridge.bridge import Block, ExitStatus, Policy, RestartRules, State
from mediabridge.bridge.child import Child, Launch

from .processes import MARK, QUICK, SIDECARS, WATCHER, alive, bridge, gone_within, holds, living, sidecar, sweep, until

FATAL = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGABRT", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"]
FATAL += ["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE", "SIGTRAP", "SIGSYS", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF"]
SUSPENDING = ["SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGSTOP"]
ONCE = replace(QUICK, restart=RestartRules(policy=Policy.NEVER))


class Launched:
    """One launch, without a bridge around it."""

    def __init__(self, *command: str, cwd: str | None = None, fds: tuple[int, ...] = ()) -> None:
        self.mark = os.urandom(8).hex()
        self.blocks: list[Block] = []
        self.exits: list[ExitStatus] = []
        launch = Launch("x", command, {**os.environ, MARK: self.mark}, self.mark, cwd, fds)
        self.child = Child(launch, self.blocks.append, self.exits.append)

    def lines(self) -> list[str]:
        """What it printed."""
        return [line for block in tuple(self.blocks) for line in block.lines()]

    def says(self, line: str) -> None:
        """Wait for a line."""
        until(lambda: line in self.lines(), what=lambda: f"line {line!r} among {self.lines()}")

    def status(self) -> ExitStatus:
        """Wait for its end."""
        return until(lambda: self.exits, what="the exit")[0]


@contextmanager
def launched(*command: str, cwd: str | None = None, fds: tuple[int, ...] = ()) -> Iterator[Launched]:
    """A launch that leaves nothing."""
    one = Launched(*command, cwd=cwd, fds=fds)
    try:
        yield one
    finally:
        one.child.kill()
        one.child.release()
        try:
            gone_within(one.mark)
        finally:
            sweep(one.mark)


def python(name: str, *args: str) -> tuple[str, ...]:
    """The command of one of our scripts."""
    return sys.executable, "-u", str(SIDECARS / f"{name}.py"), *args


@pytest.mark.parametrize("code", [0, 1, 2, 3, 32, 64, 126, 127, 128, 254, 255])
def test_the_exit_code_is_the_programs(code):
    with launched("/bin/sh", "-c", f"exit {code}") as one:
        assert one.status() == ExitStatus(code=code)


@pytest.mark.parametrize("name", FATAL)
def test_a_death_by_signal_is_told_by_its_name(name):
    """Not as 128 + n, which an exit code may be as well."""
    with launched("/bin/sh", "-c", f"kill -{name.removeprefix('SIG')} $$; sleep 5") as one:
        assert one.status() == ExitStatus(signal=name)


@pytest.mark.parametrize("number", [signal.SIGRTMIN, signal.SIGRTMIN + 3, signal.SIGRTMAX])
def test_a_death_by_a_real_time_signal_is_told(number):
    with launched("/bin/sh", "-c", f"kill -{int(number)} $$; sleep 5") as one:
        assert one.status().signal in ("SIGRTMIN", "SIGRTMAX", f"signal {int(number)}")


def test_a_program_that_does_not_exist_ends_with_127_and_says_so():
    with launched("/doesnotexist") as one:
        assert one.status() == ExitStatus(code=127)
        one.says("mediabridge: cannot execute /doesnotexist: No such file or directory")


def test_a_program_that_may_not_be_executed_ends_with_126_and_says_so(tmp_path):
    (tmp_path / "plain").write_text("x")
    with launched(str(tmp_path / "plain")) as one:
        assert one.status() == ExitStatus(code=126)
        one.says(f"mediabridge: cannot execute {tmp_path / 'plain'}: Permission denied")


def test_a_working_folder_that_does_not_exist_is_an_error_of_the_start():
    with pytest.raises(FileNotFoundError):
        Launched("/bin/true", cwd="/doesnotexist")


def test_the_program_starts_in_its_working_folder_and_the_watcher_holds_none(tmp_path):
    with launched("/bin/sh", "-c", "pwd; sleep 60", cwd=str(tmp_path)) as one:
        one.says(str(tmp_path))
        watcher = until(lambda: [pid for pid, name in living(one.mark).items() if name == WATCHER])[0]
        assert str(Path(f"/proc/{watcher}/cwd").readlink()) == "/"


def test_arguments_arrive_as_they_are():
    odd = ["", " ", "--", "-x", "a\nb", "'\"$HOME", "ü☃"]
    with launched(sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *odd) as one:
        one.says(ascii(odd))


def test_the_program_leads_a_session_without_a_terminal():
    with launched(*python("signals")) as one:
        one.says(f"ready {one.child.pid} {one.child.pid} {one.child.pid}")
        assert Path(f"/proc/{one.child.pid}/stat").read_text().rpartition(")")[2].split()[4] == "0"


def test_the_program_inherits_stdin_stdout_stderr_the_handed_on_socket_and_nothing_else():
    with socket.create_server(("127.0.0.1", 0)) as held, Path(os.devnull).open() as other:
        os.set_inheritable(other.fileno(), True)
        with launched("/bin/ls", "-l", "/proc/self/fd", fds=(held.fileno(),)) as one:
            assert one.status().ok
            found = {line.split(" -> ")[0].split()[-1]: line.split(" -> ")[1] for line in one.lines() if "->" in line}
            folder = [fd for fd, name in found.items() if "/proc/" in name]
            assert set(found) - set(folder) == {"0", "1", "2", str(held.fileno())}
            assert found["0"] == "/dev/null"


def test_the_watcher_holds_no_pipe_and_no_socket_of_the_sidecar():
    with socket.create_server(("127.0.0.1", 0)) as held, launched("/bin/sleep", "60", fds=(held.fileno(),)) as one:
        watcher = until(lambda: [pid for pid, name in living(one.mark).items() if name == WATCHER])[0]
        held_open = Path(f"/proc/{watcher}/fd")
        until(lambda: len(list(held_open.iterdir())) == 4, what="stdin, stdout, stderr and the death pipe")


RESERVED = 0b11 << 31  # signals 32 and 33 are the C library's own (nptl(7)): no program can set or see them


def test_the_program_starts_with_no_signal_blocked_or_ignored():
    """Python itself ignores SIGPIPE and SIGXFSZ, and a thread of the host may block what it likes: not the child's."""
    with launched("/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status") as one:
        assert one.status().ok
        found = {int(line.split()[1], 16) & ~RESERVED for line in one.lines()}
        assert found == {0}


def test_a_thread_of_the_host_that_blocks_signals_does_not_hand_that_on():
    """A host that waits for its signals in one thread (`sigwait`) blocks them in all others."""
    found: list[list[str]] = []

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1})
        with launched(*python("signals")) as one:
            until(lambda: len(one.lines()) >= 2)
            found.append(one.lines())

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(10)
    assert found[0][1] == "blocked"


def test_a_shell_pipeline_ends_quietly_when_its_reader_has_enough():
    """With SIGPIPE ignored, `yes` would complain of a broken pipe."""
    with launched("/bin/sh", "-c", "yes | head -n 1; echo done") as one:
        assert one.status().ok
        assert one.lines() == ["y", "done"]


@pytest.mark.parametrize("name", [it for it in FATAL if it not in ("SIGKILL", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL")])
def test_a_signal_to_the_program_arrives_as_it_is(name):
    with launched(*python("signals")) as one:
        one.says("blocked")
        os.kill(one.child.pid, getattr(signal, name))
        one.says(name)


def test_asking_signals_the_whole_group():
    """A pipeline of four in the program's group: all get SIGTERM, none is left."""
    with launched("/bin/sh", "-c", "yes hi | tail & yes error | tail >&2") as one:
        until(lambda: sorted(living(one.mark).values()).count("yes") == 2, what="both pipelines")
        one.child.ask()
        until(lambda: one.child.alive() == 0, 2, "the pipelines are gone")
        assert one.status() == ExitStatus(signal="SIGTERM")


def test_asking_reaches_a_program_that_handles_sigterm_once():
    with launched(*python("signals")) as one:
        one.says("blocked")
        one.child.ask()
        one.says("SIGTERM")
        assert holds(lambda: one.lines().count("SIGTERM") == 1, 0.2)


def test_background_children_of_a_program_that_ended_are_asked():
    """The program is gone, its child in the background is not: asking goes to what is left."""
    script = f"{sys.executable} -u {SIDECARS / 'signals.py'} & sleep 60 & exit 0"
    with launched("/bin/sh", "-c", script) as one:
        assert one.status().ok
        one.says("blocked")
        assert one.child.alive() == 2
        one.child.ask()
        one.says("SIGTERM")
        until(lambda: one.child.alive() == 1, 2, "only the one that handles SIGTERM is left")


@pytest.mark.parametrize("wrapper", ["setsid sleep 60", "setsid setsid sleep 60", "nohup sleep 60", "(sleep 60 &)"])
def test_children_that_left_the_group_are_killed_with_it(wrapper):
    with launched("/bin/sh", "-c", f"{wrapper} & sleep 60") as one:
        until(lambda: list(living(one.mark).values()).count("sleep") == 2, what="both sleep")
        one.child.kill()
        until(lambda: one.child.alive() == 0, 1, "all gone")


def test_a_child_that_wiped_its_environment_is_still_of_the_tree():
    """Found by its group; the mark of the launch is gone."""
    with launched("/bin/sh", "-c", "env -i sleep 61 & sleep 60") as one:
        wiped = until(lambda: _pids_of("sleep 61"), what="the wiped one")
        until(lambda: one.child.alive() == 3, what="sh and two")
        one.child.kill()
        until(lambda: not any(map(alive, wiped)), 1, "all gone")


def test_a_child_that_wiped_its_environment_and_left_the_session_is_found_by_descent():
    with launched("/bin/sh", "-c", "env -i setsid sleep 62 & sleep 60") as one:
        wiped = until(lambda: _pids_of("sleep 62"), what="the wiped one")
        one.child.kill()
        until(lambda: not any(map(alive, wiped)), 1, "all gone")


def _pids_of(command: str) -> list[int]:
    found = subprocess.run(["pgrep", "-fx", command], capture_output=True, text=True, check=False).stdout.split()
    return [int(pid) for pid in found]


@pytest.mark.parametrize("name", SUSPENDING)
def test_a_suspended_program_is_killed_and_a_continued_one_lives(name):
    with launched("/bin/sleep", "60") as one:
        until(lambda: "sleep" in living(one.mark).values())
        os.kill(one.child.pid, getattr(signal, name))
        if name == "SIGSTOP":
            until(lambda: _state(one.child.pid) == "T", what="stopped")
        os.kill(one.child.pid, signal.SIGCONT)
        until(lambda: _state(one.child.pid) == "S", what="goes on")
        assert one.exits == []
        os.kill(one.child.pid, signal.SIGSTOP)
        one.child.kill()
        assert one.status() == ExitStatus(signal="SIGKILL")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_child_that_floods_the_table_with_forks_is_ended():
    """New processes appear while the tree is being killed: it is looked at again until it is empty."""
    loop = "while :; do sleep 60 & n=$((n+1)); [ $n -lt 300 ] || break; done; wait"
    with bridge(sidecar("mute", health_path=None), replace(QUICK, grace_s=0)) as run:
        run.bridge.start()
        run.bridge.stop()
    with launched("/bin/sh", "-c", loop) as one:
        until(lambda: one.child.alive() > 20, what="twenty")
        deadline = time.monotonic() + 3
        while one.child.alive() and time.monotonic() < deadline:
            one.child.kill()
        assert one.child.alive() == 0


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT", "SIGTERM", "SIGBUS"])
def test_the_failure_names_the_signal_that_killed_the_sidecar(name):
    """Pitfall 25: not code 0, not 139."""
    with bridge(sidecar("crasher", 0.2, name), ONCE) as run:
        run.bridge.start()
        assert run.bridge.wait_for(State.FAILED, timeout_s=5)
        status = run.bridge.status()
        assert status.last_exit == ExitStatus(signal=name)
        assert f"was killed by {name}" in status.failure.message
        assert ("out of memory" in status.failure.message) == (name == "SIGKILL")
        if name == "SIGKILL":
            assert "It last used " in status.failure.message


def test_a_host_that_waits_for_all_children_does_not_turn_a_crash_into_a_success():
    """Pitfall 25: gunicorn's arbiter takes the status of every child of its process, also of ours."""
    with bridge(sidecar("crasher", 0.2, 3)) as run:
        run.bridge.start()
        pid = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT).si_pid
        os.waitpid(pid, 0)
        until(lambda: run.at("restarting") or run.at("failed"), what="the crash is noticed")
        assert "restarting" in run.said
