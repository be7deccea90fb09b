"""What the bridge says about itself: states, the closed list of reasons, and the frozen snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where one supervised process stands."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    FAILED = "failed"


class WhyNotReady(StrEnum):
    """Every reason for not being ready; there is no other."""

    NOT_STARTED = "not_started"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    START_FAILED = "start_failed"
    EXITED = "exited"
    GAVE_UP = "gave_up"


class FailureKind(StrEnum):
    """The failure catalogue: what can go wrong with a child."""

    PYTHON_NOT_FOUND = "python_not_found"
    PYTHON_TOO_OLD = "python_too_old"
    TARGET_MISSING = "target_missing"
    DEPENDENCY_MISSING = "dependency_missing"
    SYNTAX_ERROR = "syntax_error"
    IMPORT_ERROR = "import_error"
    PORT_IN_USE = "port_in_use"
    ADDRESS_INVALID = "address_invalid"
    PERMISSION_DENIED = "permission_denied"
    HEALTH_TIMEOUT = "health_timeout"
    UNHEALTHY = "unhealthy"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"
    EXITED = "exited"
    CRASH_LOOP = "crash_loop"


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: by an exit code or by a signal (name as in `signal.Signals`); neither = unknown."""

    code: int | None = None
    signal: str | None = None

    @property
    def ok(self) -> bool:
        """True for exit code 0."""
        return self.code == 0

    def __str__(self) -> str:
        if self.code is None and self.signal is None:
            return "ended, and another part of this program took its exit status"
        return f"was killed by {self.signal}" if self.signal else f"exited with code {self.code}"


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure in a person's words: what happened, why, what to do next, and the evidence.

    `permanent` means that the same start would fail the same way again, so that no restart is tried.
    """

    kind: FailureKind
    error: str
    message: str
    suggestion: str
    permanent: bool = False
    exit: ExitStatus | None = None
    stderr_head: str = ""
    stderr_tail: str = ""

    def __str__(self) -> str:
        return f"{self.error}: {self.message} {self.suggestion}"


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One supervised process. Times are UTC; `rss_bytes` is resident memory at the last health check."""

    name: str
    state: State
    pid: int | None = None
    started_at: datetime | None = None
    last_health_check_at: datetime | None = None
    restarts: int = 0
    last_exit: ExitStatus | None = None
    rss_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole bridge at one moment. `why` is None exactly when `state` is ready."""

    state: State
    why: WhyNotReady | None
    pid: int | None = None
    started_at: datetime | None = None
    last_health_check_at: datetime | None = None
    restarts: int = 0
    last_exit: ExitStatus | None = None
    rss_bytes: int | None = None
    failure: Failure | None = None
    retry_after_s: float | None = None
    replicas: tuple[ReplicaStatus, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether requests may be forwarded."""
        return self.why is None
