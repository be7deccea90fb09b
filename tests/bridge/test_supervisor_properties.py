"""The issue's properties of a whole bridge, over many starts and faults; children and probers are doubles."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediabridge.bridge import (
    Block,
    Console,
    ExitStatus,
    Launch,
    Policy,
    RestartRules,
    StartError,
    State,
    module,
)
from mediabridge.bridge.child import Child
from mediabridge.bridge.health import Answer, ProbeTarget
from mediabridge.bridge.output import Lines, prefixed

from .doubles import ANSWERS, FAST, PATIENCE_S, FakeChild, Nursery, bridge, until

SILENT = Answer(ok=False, reason="no answer within 2 s")
LOG = logging.getLogger("mediabridge.bridge")


@contextmanager
def logged() -> Iterator[list[logging.LogRecord]]:
    """What is logged inside."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    before, propagated = LOG.level, LOG.propagate
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    try:
        yield records
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(before)
        LOG.propagate = propagated


@dataclass
class Slow:
    """A prober that answers well after so many misses."""

    misses: int

    def __call__(self, _target: ProbeTarget, _timeout_s: float) -> Answer:
        self.misses -= 1
        return SILENT if self.misses >= 0 else Answer(ok=True)


def faulty(faults: list[ExitStatus | Exception], stderr: str = "") -> Nursery:
    """A nursery whose first children have these faults."""
    waiting = list(faults)

    def born(child: FakeChild) -> None:
        fault = waiting.pop(0) if waiting else None
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            child.end(fault.code, fault.signal, stderr)

    return Nursery(born)


CRASHES = st.sampled_from([ExitStatus(code=1), ExitStatus(code=255), ExitStatus(signal="SIGSEGV")])


@settings(max_examples=100, deadline=None)
@given(
    misses=st.integers(0, FAST.start_tries - 1),
    crashes=st.lists(CRASHES, max_size=FAST.restart.limit),
    replicas=st.integers(1, 3),
    policy=st.sampled_from([Policy.ON_FAILURE, Policy.ALWAYS]),
)
def test_property_after_a_start_it_is_ready_its_process_runs_and_a_confirmation_was_logged(
    misses: int, crashes: list[ExitStatus], replicas: int, policy: Policy
) -> None:
    nursery = faulty(list(crashes) if replicas == 1 else [])
    rules = replace(FAST, restart=replace(FAST.restart, policy=policy))
    it = bridge(nursery, Slow(misses), rules, replicas=replicas)
    with logged() as records:
        it.start()
        status, entries = it.status(), [record.getMessage() for record in records]
    assert it.is_ready()
    assert status.pid in {child.pid for child in nursery.alive}
    assert any(f"is ready (pid {child.pid})" in entry for child in nursery.alive for entry in entries)
    it.stop()
    assert not nursery.alive


PROBLEMS = st.sampled_from([2, 5, 8, 11, 12, 13, 20, 24, 28]).map(
    lambda number: OSError(number, os.strerror(number), "/x")
)
STDERR = st.sampled_from(
    [
        "",
        "ModuleNotFoundError: No module named 'flask'\n",
        "SyntaxError: invalid syntax\n",
        "OSError: [Errno 98] Address already in use\n",
        "PermissionError: [Errno 13] Permission denied: '/x'\n",
        "MemoryError\n",
    ]
) | st.text(max_size=40)
ENDS = CRASHES | st.integers(0, 255).map(lambda number: ExitStatus(code=number))
PLACES = st.sampled_from(
    [{}, {"python": "/no"}, {"host": "192.0.2.1"}, {"host": "a" * 70}, {"port": 70_000}, {"uds": "/no/such/socket"}]
)


@settings(max_examples=200, deadline=None)
@given(
    faults=st.lists(PROBLEMS | st.just(ValueError("embedded null byte")) | ENDS, max_size=5),
    stderr=STDERR,
    misses=st.sampled_from([0, 3, 10**6]),
    options=PLACES,
    own=st.booleans(),
    policy=st.sampled_from(Policy),
)
def test_property_every_environment_fault_is_named_with_its_mend_and_the_host_lives(
    faults: list[ExitStatus | Exception],
    stderr: str,
    misses: int,
    options: dict[str, object],
    own: bool,
    policy: Policy,
) -> None:
    """Ready, or one typed error that the status repeats; and the bridge can be stopped either way."""
    nursery = faulty(faults, stderr)
    rules = replace(FAST, restart=RestartRules(policy, base_s=0.001, cap_s=0.001, limit=1))
    target = ANSWERS if own else module("double", echoes_nonce=True)
    it = bridge(nursery, Slow(misses), rules, target, **options)
    try:
        with logged():
            it.start()
    except StartError as error:
        failure = error.failure
        assert failure.message
        assert failure.suggestion
        assert (it.status().state, it.status().failure) == (State.FAILED, failure)
    else:
        assert it.is_ready()
    with logged():
        it.stop()
    assert it.status().state is State.STOPPED
    assert not nursery.alive


@settings(max_examples=100, deadline=None)
@given(
    end=ENDS.filter(lambda end: not end.ok),
    lines=st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=4),
    ready=st.booleans(),
)
def test_property_failures_are_logged_with_stderr_exit_code_and_signal(
    end: ExitStatus, lines: list[str], ready: bool
) -> None:
    stderr = "".join(f"{line}\n" for line in lines)
    nursery = faulty([] if ready else [end], stderr)
    it = bridge(nursery, rules=replace(FAST, restart=RestartRules(Policy.NEVER)))
    with logged() as records:
        it.start(wait=False)
        if ready:
            assert it.wait_for(State.READY, timeout_s=PATIENCE_S)
            nursery.last.end(end.code, end.signal, stderr)
        assert it.wait_for(State.FAILED, timeout_s=PATIENCE_S)
        it.stop()
    warned = [record.getMessage() for record in records if record.levelno >= logging.WARNING]
    assert any(str(end) in entry and all(f"    | {line}" in entry for line in lines) for entry in warned)


STREAMS = {1: "stdout", 2: "stderr"}
WRITES = "import sys, os\nfor part in eval(sys.argv[1]): os.write(*part)"
PIECES = st.sampled_from([b"a", b"\n", b"\r\n", "é".encode(), b"\xff", b"\x1b[1m"])
PARTS = st.lists(st.tuples(st.sampled_from([1, 2]), st.lists(PIECES, min_size=1).map(b"".join)), max_size=12)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PARTS)
def test_property_every_line_of_either_stream_arrives_prefixed_and_in_its_order(parts: list[tuple[int, bytes]]) -> None:
    """A real child, its real pipes, and the console's."""
    (out_r, out_w), (err_r, err_w) = os.pipe(), os.pipe()
    console, ended = Console(out_w, err_w), []
    command = [sys.executable, "-I", "-S", "-c", WRITES, repr(parts)]
    child = Child(Launch("Python", command, dict(os.environ), "cookie"), console, ended.append)
    until(lambda: ended)
    child.release()
    console.close()
    for fd in (out_w, err_w):
        os.close(fd)
    with os.fdopen(out_r, "rb") as out, os.fdopen(err_r, "rb") as err:
        got = {1: out.read(), 2: err.read()}
    for fd, stream in STREAMS.items():
        lines = Lines()
        whole = lines.feed(b"".join(data for of, data in parts if of == fd)) + lines.flush(final=True)
        assert got[fd] == (prefixed(Block("Python", stream, whole)) if whole else b"")
