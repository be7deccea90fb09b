"""The failure catalogue as data: for each kind when it happens, and a sample that the real code made."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace

from . import events as ev
from .diagnosis import Evidence, diagnose
from .interpreter import Machine, find
from .lifecycle import Life, Rules, decide
from .listener import Address, refused
from .restart import Policy, RestartRules
from .status import ExitStatus, Failure, FailureKind, State

PYTHON = ".venv/bin/python"
Sample = Callable[[], Failure]


def _from_stderr(stderr: str, code: int = 1, **more: object) -> Sample:
    evidence = Evidence(ExitStatus(code=code), stderr_head=stderr, command=(PYTHON,), target="shop.app")
    return lambda: diagnose(replace(evidence, **more))  # type: ignore[arg-type]  # fields of Evidence


def _interpreter(explicit: str, version: tuple[int, int] | None) -> Sample:
    machine = Machine(
        {"PATH": ""},
        which=lambda name, _path: name if version else None,
        version_of=lambda _path: version or "is missing",
    )

    def sample() -> Failure:
        found = find(machine, explicit)
        if not isinstance(found, Failure):
            raise TypeError("the sample's interpreter was accepted")
        return found

    return sample


def _listen(number: int, words: str) -> Sample:
    return lambda: refused(OSError(number, words), Address("127.0.0.1", 5001), "FLASK", who="pid 4711 (node server.js)")


def _lived(event: ev.Event, *, state: State, misses: int) -> Sample:
    rules = Rules(restart=RestartRules(policy=Policy.NEVER))
    life = Life(state=state, launch=1, pid=4712, exited=False, misses=misses, ready_at=0.0)

    def sample() -> Failure:
        after, _ = decide(life, event, rules)
        if after.failure is None:
            raise TypeError("the sample's event was no failure")
        return after.failure

    return sample


def _crash_loop() -> Failure:
    rules = Rules(restart=RestartRules(limit=8))
    failure = diagnose(Evidence(ExitStatus(code=3), command=(PYTHON,), target="shop.app", ready=True))
    life = Life(state=State.READY, launch=9, pid=4712, exited=False, failures=8, ready_at=0.0)
    after, _ = decide(life, ev.Exited(9, ExitStatus(code=3), failure, at=1.0, dice=0.0), rules)
    return after.failure or failure


MISSES = Rules().start_tries - 1

CATALOGUE: dict[FailureKind, tuple[str, Sample]] = {
    FailureKind.PYTHON_NOT_FOUND: ("no interpreter, or PYTHON_PATH names none", _interpreter("/opt/python", None)),
    FailureKind.PYTHON_TOO_OLD: ("the interpreter is older than 3.11", _interpreter("/usr/bin/python3.8", (3, 8))),
    FailureKind.TARGET_MISSING: (
        "the script, the module or the program does not exist",
        _from_stderr("python: can't open file '/srv/api_server.py': [Errno 2] No such file or directory\n", 2),
    ),
    FailureKind.DEPENDENCY_MISSING: (
        "an import fails because a package is not installed",
        _from_stderr("Traceback (most recent call last):\nModuleNotFoundError: No module named 'PIL'\n"),
    ),
    FailureKind.SYNTAX_ERROR: (
        "a file of the sidecar does not parse",
        _from_stderr('  File "/srv/shop/app.py", line 7\n    def f(:\n          ^\nSyntaxError: invalid syntax\n'),
    ),
    FailureKind.IMPORT_ERROR: (
        "a package is there, but not what is imported from it",
        _from_stderr(
            '  File "/srv/shop/app.py", line 3, in <module>\n'
            "ImportError: cannot import name 'Flaks' from 'flask' (/srv/flask/__init__.py)\n"
        ),
    ),
    FailureKind.PORT_IN_USE: ("another program holds the sidecar's address", _listen(errno.EADDRINUSE, "in use")),
    FailureKind.ADDRESS_INVALID: (
        "the address is not one of this machine's",
        _listen(errno.EADDRNOTAVAIL, "Cannot assign requested address"),
    ),
    FailureKind.PERMISSION_DENIED: (
        "this user may not read, execute or listen",
        _from_stderr("PermissionError: [Errno 13] Permission denied: '/srv/media'\n"),
    ),
    FailureKind.HEALTH_TIMEOUT: (
        "it runs, but did not become ready in time",
        _lived(ev.ProbeFailed(1, "/health answered with status 500"), state=State.STARTING, misses=MISSES),
    ),
    FailureKind.UNHEALTHY: (
        "it was ready and answers no more",
        _lived(ev.ProbeFailed(1, "no answer within 5 s"), state=State.READY, misses=2),
    ),
    FailureKind.OUT_OF_MEMORY: (
        "the kernel killed it for want of memory, or Python said MemoryError",
        lambda: diagnose(
            Evidence(ExitStatus(signal="SIGKILL"), ready=True, rss_bytes=1503238553, killed_for_memory=True)
        ),
    ),
    FailureKind.KILLED: (
        "a signal ended it",
        lambda: diagnose(Evidence(ExitStatus(signal="SIGSEGV"), ready=True)),
    ),
    FailureKind.EXITED: (
        "it ended by itself, for a reason that is none of the above",
        _from_stderr("RuntimeError: the licence has expired\n", 3),
    ),
    FailureKind.CRASH_LOOP: ("it failed again and again, and is given up", _crash_loop),
}


def table() -> str:
    """The catalogue as a Markdown table, for `docs/failures.md`."""
    lines = ["| kind | when | message (a sample) | suggestion | retried |", "| --- | --- | --- | --- | --- |"]
    for kind, (when, sample) in CATALOGUE.items():
        failure = sample()
        retried = "no" if failure.permanent or kind is FailureKind.CRASH_LOOP else "by policy"
        lines.append(f"| `{kind}` | {when} | {failure.message} | {failure.suggestion} | {retried} |")
    return "\n".join(lines) + "\n"
