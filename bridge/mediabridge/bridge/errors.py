"""The exception tree.

BridgeError
├── StartError                 the sidecar did not become ready; `failure` says why
│   ├── InterpreterError       no Python that fits
│   ├── TargetError            script, module or dependency missing, or it does not import
│   ├── ListenError            the address cannot be listened on
│   ├── ReadinessError         it runs, but it never said that it is ready
│   └── CrashError             it ended before it was ready
└── NotRunningError            asked for something that only a running bridge has
"""

from __future__ import annotations

from .status import Failure, FailureKind


class BridgeError(Exception):
    """Anything that the bridge raises."""


class NotRunningError(BridgeError):
    """The bridge is not running."""


class StartError(BridgeError):
    """The sidecar did not become ready. `failure` holds message, suggestion and evidence."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class InterpreterError(StartError):
    """No Python interpreter that fits."""


class TargetError(StartError):
    """Script, module or dependency is missing, or does not import."""


class ListenError(StartError):
    """The sidecar's address cannot be listened on."""


class ReadinessError(StartError):
    """The sidecar runs but did not become ready in time."""


class CrashError(StartError):
    """The sidecar ended before it was ready."""


ERROR_OF: dict[FailureKind, type[StartError]] = {
    FailureKind.PYTHON_NOT_FOUND: InterpreterError,
    FailureKind.PYTHON_TOO_OLD: InterpreterError,
    FailureKind.TARGET_MISSING: TargetError,
    FailureKind.DEPENDENCY_MISSING: TargetError,
    FailureKind.SYNTAX_ERROR: TargetError,
    FailureKind.IMPORT_ERROR: TargetError,
    FailureKind.PORT_IN_USE: ListenError,
    FailureKind.ADDRESS_INVALID: ListenError,
    FailureKind.PERMISSION_DENIED: StartError,
    FailureKind.HEALTH_TIMEOUT: ReadinessError,
    FailureKind.UNHEALTHY: ReadinessError,
    FailureKind.OUT_OF_MEMORY: CrashError,
    FailureKind.KILLED: CrashError,
    FailureKind.EXITED: CrashError,
    FailureKind.CRASH_LOOP: CrashError,
}


def error_of(failure: Failure) -> StartError:
    """The exception that belongs to a failure."""
    return ERROR_OF[failure.kind](failure)
