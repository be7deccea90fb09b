"""From evidence to words. The evidence is real: each fault is made by a child of its own (`faults.py`)."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import ExitStatus, FailureKind
from mediabridge.bridge.diagnosis import START_FAILED, UNAVAILABLE, Evidence, diagnose
from mediabridge.bridge.tree_posix import exit_status

from .faults import BUSY, BUSY_WORDS, FAULTS, NO_MEMORY, PY, Fault, code

FOUND_BY_DIAGNOSIS = {
    FailureKind.TARGET_MISSING,
    FailureKind.DEPENDENCY_MISSING,
    FailureKind.SYNTAX_ERROR,
    FailureKind.IMPORT_ERROR,
    FailureKind.PORT_IN_USE,
    FailureKind.PERMISSION_DENIED,
    FailureKind.OUT_OF_MEMORY,
    FailureKind.KILLED,
    FailureKind.EXITED,
}


@pytest.fixture(params=FAULTS, scope="module")
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Fault, Evidence]:
    fault = FAULTS[request.param]
    return fault, fault.happen(tmp_path_factory.mktemp("fault"))


def test_a_fault_is_named_with_its_evidence_and_its_mend(case: tuple[Fault, Evidence]) -> None:
    fault, evidence = case
    failure = diagnose(evidence)
    assert failure.kind is fault.kind
    assert fault.message in failure.message
    assert fault.suggestion in failure.suggestion


def test_a_failed_start_keeps_its_exit_and_its_stderr(case: tuple[Fault, Evidence]) -> None:
    fault, evidence = case
    failure = diagnose(evidence)
    assert failure.error == START_FAILED
    assert (failure.exit, failure.stderr_head) == (evidence.exit, evidence.stderr_head)
    assert failure.permanent is fault.permanent


def test_what_had_been_ready_may_be_started_again(case: tuple[Fault, Evidence]) -> None:
    failure = diagnose(replace(case[1], ready=True))
    assert failure.error == UNAVAILABLE
    assert not failure.permanent


def test_every_kind_that_diagnosis_gives_has_a_real_case() -> None:
    assert {fault.kind for fault in FAULTS.values()} == FOUND_BY_DIAGNOSIS


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_script_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("")
    path.chmod(0)
    failure = diagnose(Fault(FailureKind.PERMISSION_DENIED, "", "", (PY, str(path))).happen(tmp_path))
    assert failure.kind is FailureKind.PERMISSION_DENIED
    assert f"chmod +r {path}" in failure.suggestion


def real(text: str, folder: Path) -> Evidence:
    return Fault(FailureKind.EXITED, "", "", code(text)).happen(folder)


HANDLED = """
import os, sys, traceback
try:
    import no_such_package
except ImportError:
    traceback.print_exc()
print("going on without it: No module named 'no_such_package'", file=sys.stderr, flush=True)
"""
DIES = "os.kill(os.getpid(), 9)"


@pytest.mark.parametrize(
    ("end", "kind", "words"),
    [
        ("raise RuntimeError('no licence')", FailureKind.EXITED, "RuntimeError: no licence"),
        ("open('/no/such/file')", FailureKind.EXITED, "FileNotFoundError"),
        (BUSY, FailureKind.PORT_IN_USE, BUSY_WORDS),
        (NO_MEMORY, FailureKind.OUT_OF_MEMORY, "out of memory"),
        (DIES, FailureKind.KILLED, "SIGKILL"),
    ],
)
def test_a_missing_module_that_was_coped_with_is_not_blamed(
    tmp_path: Path, end: str, kind: FailureKind, words: str
) -> None:
    failure = diagnose(real(HANDLED + end, tmp_path))
    assert failure.kind is kind
    assert words in failure.message


@pytest.mark.parametrize(("end", "kind"), [("raise RuntimeError('x')", FailureKind.EXITED), (DIES, FailureKind.KILLED)])
def test_an_address_in_use_that_was_coped_with_is_not_blamed(tmp_path: Path, end: str, kind: FailureKind) -> None:
    text = "import os, sys\nprint('Address already in use, trying the next', file=sys.stderr, flush=True)\n"
    assert diagnose(real(text + end, tmp_path)).kind is kind


def test_the_last_error_is_told_though_much_was_printed_before(tmp_path: Path) -> None:
    text = "import sys; sys.stderr.write('noise\\n' * 10_000); raise RuntimeError('at last')"
    assert "RuntimeError: at last" in diagnose(real(text, tmp_path)).message


def test_the_error_behind_an_error_is_not_the_last_one(tmp_path: Path) -> None:
    text = "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('at last') from e"
    assert "RuntimeError: at last" in diagnose(real(text, tmp_path)).message


def test_a_kill_by_the_kernel_for_memory_is_told() -> None:
    evidence = Evidence(ExitStatus(signal="SIGKILL"), rss_bytes=300 * 2**20, killed_for_memory=True, ready=True)
    failure = diagnose(evidence)
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert "it last used 300 MB" in failure.message


def test_a_kill_tells_the_memory_that_was_used_last() -> None:
    assert "It last used 300 MB" in diagnose(Evidence(ExitStatus(signal="SIGKILL"), rss_bytes=300 * 2**20)).message


def test_what_windows_says_of_an_address_in_use_is_understood() -> None:
    text = "OSError: [WinError 10048] Only one usage of each socket address is normally permitted\n"
    assert diagnose(Evidence(ExitStatus(code=1), text)).kind is FailureKind.PORT_IN_USE


def test_what_windows_says_of_a_missing_script_is_understood() -> None:
    text = r"C:\Python312\python.exe: can't open file 'C:\\app\\api.py': [Errno 2] No such file or directory" + "\n"
    assert diagnose(Evidence(ExitStatus(code=2), text)).kind is FailureKind.TARGET_MISSING


LINES = st.sampled_from(
    [
        "Traceback (most recent call last):",
        '  File "app.py", line 1, in <module>',
        "ModuleNotFoundError: No module named 'x'",
        "ImportError: cannot import name 'a' from 'b'",
        "SyntaxError: invalid syntax",
        "OSError: [Errno 98] Address already in use",
        "PermissionError: [Errno 13] Permission denied: '/x'",
        "MemoryError",
        "mediabridge: cannot execute x: Permission denied",
        "python: can't open file 'x': [Errno 2] No such file or directory",
        "KeyError: 'x'",
        "noise",
        "",
    ]
)
STDERR = st.lists(LINES | st.text(max_size=20), max_size=12).map("\n".join)
SIGNALS = st.sampled_from(["SIGKILL", "SIGSEGV", "signal 64"]).map(lambda name: ExitStatus(signal=name))
CODES = st.integers(0, 255).map(lambda number: ExitStatus(code=number))
MORE = {
    "stderr_head": STDERR,
    "stderr_tail": STDERR,
    "command": st.just(()) | st.just(("/usr/bin/python3", "app.py")),
    "target": st.sampled_from(["", "app", "pkg.app:app"]),
    "ready": st.booleans(),
    "rss_bytes": st.none() | st.integers(0, 2**40),
}


@settings(max_examples=500)
@given(st.builds(Evidence, CODES | SIGNALS, **MORE, killed_for_memory=st.booleans()))
def test_property_every_failure_has_error_message_suggestion_and_evidence(evidence: Evidence) -> None:
    failure = diagnose(evidence)
    assert failure.kind in FOUND_BY_DIAGNOSIS
    assert failure.error
    assert failure.suggestion
    assert re.search(r"exited with code \d+|was killed by|was not found|may not be", failure.message)
    kept = (failure.exit, failure.stderr_head, failure.stderr_tail)
    assert kept == (evidence.exit, evidence.stderr_head, evidence.stderr_tail)


@settings(max_examples=200)
@given(st.builds(Evidence, SIGNALS, **MORE))
def test_property_a_signal_is_never_taken_for_a_faulty_program(evidence: Evidence) -> None:
    failure = diagnose(evidence)
    assert failure.kind in (FailureKind.KILLED, FailureKind.OUT_OF_MEMORY)
    assert str(evidence.exit.signal) in failure.message
    assert not failure.permanent


@settings(max_examples=100)
@given(st.integers(0, 255), st.sampled_from([1, 2, 9, 11, 15]))
def test_property_a_return_code_is_an_exit_code_or_a_signal_by_name(number: int, signum: int) -> None:
    assert exit_status(number) == ExitStatus(code=number)
    assert exit_status(-signum) == ExitStatus(signal=signal.Signals(signum).name)
