"""The Windows seam, run here: real processes and pipes, a double for the calls to kernel32.

What cannot be run on this system (the calls themselves, CTRL_BREAK, the job's own death) is said in docs/platforms.md.
"""

import ctypes
import os
import signal
import sys
import threading

import pytest

from mediabridge.bridge import tree_windows as windows
from mediabridge.bridge.status import ExitStatus

CHATTER = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(5)"


class KernelDouble:
    """Remembers the calls; ends the process as a job would."""

    def __init__(self):
        self.calls = []
        self.popen = None

    def create_job(self):
        self.calls.append("create")
        return 7

    def assign(self, job, process):
        self.calls.append(("assign", job))

    def active(self, job):
        return 0 if self.popen is None or self.popen.poll() is not None else 1

    def terminate(self, job):
        self.calls.append(("terminate", job))
        if self.popen is not None:
            os.kill(self.popen.pid, signal.SIGKILL)

    def close(self, job):
        self.calls.append(("close", job))


class Collected:
    def __init__(self):
        self.text = {"stdout": b"", "stderr": b""}
        self.status = None
        self.ended = threading.Event()
        self.is_closed = False

    def data(self, stream, chunk):
        self.text[stream] += chunk

    def exited(self, status):
        self.status = status
        self.ended.set()

    def closed(self):
        self.is_closed = True


def spawn(kernel, code=CHATTER, **more):
    command = [sys.executable, "-c", code]
    tree = windows.Tree.spawn(command, env=dict(os.environ), cwd=None, cookie="c", fds=(), kernel=kernel, **more)
    kernel.popen = tree.popen
    return tree


def test_a_child_is_put_into_a_job_before_anything_else():
    kernel = KernelDouble()
    tree = spawn(kernel)
    windows.Pump(tree.popen, Collected()).end(10)
    assert kernel.calls == ["create", ("assign", 7)]


def test_the_cookie_stands_in_the_environment():
    reader = Collected()
    tree = spawn(KernelDouble(), "import os; print(os.environ['MEDIABRIDGE_NONCE'])")
    windows.Pump(tree.popen, reader).end(10)
    assert reader.text["stdout"].strip() == b"c"


def test_both_streams_and_the_exit_arrive():
    reader = Collected()
    pump = windows.Pump(spawn(KernelDouble()).popen, reader)
    assert reader.ended.wait(10)
    pump.end(10)
    assert reader.text == {"stdout": b"out\n", "stderr": b"err\n"}
    assert reader.status == ExitStatus(code=5)
    assert reader.is_closed


def test_an_exit_is_noticed_though_a_descendant_keeps_the_pipe():
    reader = Collected()
    code = "import subprocess, sys; p = subprocess.Popen(['sleep', '30']); print(p.pid); sys.exit(3)"
    pump = windows.Pump(spawn(KernelDouble(), code).popen, reader)
    assert reader.ended.wait(5)
    assert reader.status == ExitStatus(code=3)
    os.kill(int(reader.text["stdout"]), signal.SIGKILL)
    pump.end(10)


def test_killing_ends_the_job_and_releasing_closes_it_once():
    kernel = KernelDouble()
    tree = spawn(kernel, "import time; time.sleep(600)")
    reader = Collected()
    pump = windows.Pump(tree.popen, reader)
    assert tree.alive() == 1
    tree.kill()
    assert reader.ended.wait(10)
    pump.end(10)
    tree.release()
    tree.release()
    assert kernel.calls[2:] == [("terminate", 7), ("close", 7)]
    assert tree.alive() == 0


def test_asking_sends_ctrl_break_and_not_terminate():
    sent = []
    tree = spawn(KernelDouble(), "import time; time.sleep(600)")
    pump = windows.Pump(tree.popen, Collected())
    tree.popen.send_signal = sent.append
    tree.ask()
    assert sent == [windows.CTRL_BREAK]
    tree.kill()
    pump.end(10)
    tree.ask()  # it has ended: nobody is asked
    assert sent == [windows.CTRL_BREAK]


def test_a_child_that_cannot_be_started_leaves_no_job():
    kernel = KernelDouble()
    with pytest.raises(FileNotFoundError):
        windows.Tree.spawn(["/no/such"], env={}, cwd=None, cookie="c", fds=(), kernel=kernel)
    assert kernel.calls == ["create", ("close", 7)]


def test_descriptors_are_refused_in_words():
    with pytest.raises(OSError, match="descriptors"):
        windows.Tree.spawn(["x"], env={}, cwd=None, cookie="c", fds=(3,), kernel=KernelDouble())


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (0, ExitStatus(code=0)),
        (1, ExitStatus(code=1)),
        (0xC0000005, ExitStatus(signal="0xC0000005")),
        (-1073741819, ExitStatus(signal="0xC0000005")),
    ],
)
def test_a_crash_is_told_as_windows_tells_it(code, status):
    assert windows.exit_status(code) == status


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="sizes of 64-bit Windows")
def test_the_structures_have_the_sizes_of_the_windows_sdk():
    """winnt.h: JOBOBJECT_EXTENDED_LIMIT_INFORMATION is 144 bytes on 64 bits, BASIC_ACCOUNTING_INFORMATION 48."""
    assert ctypes.sizeof(windows._ExtendedLimits) == 144
    assert ctypes.sizeof(windows._Accounting) == 48


def test_there_is_no_process_left_after_a_spawn_is_asked_to_stop_at_once():
    for _ in range(5):
        kernel = KernelDouble()
        tree = spawn(kernel, "import time; time.sleep(600)")
        tree.kill()
        assert tree.popen.wait(10) != 0
        windows.Pump(tree.popen, Collected()).end(10)
