"""One status from the lives of all replicas. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .lifecycle import Life
from .status import ReplicaStatus, State, Status, WhyNotReady

# The bridge is what its best replica is.
RANK = (
    State.READY,
    State.UNHEALTHY,
    State.STARTING,
    State.BACKOFF,
    State.STOPPING,
    State.FAILED,
    State.STOPPED,
)


def summarize(replicas: Sequence[tuple[Life, ReplicaStatus]]) -> Status:
    """The status of the bridge: ready when one replica is; else what the most hopeful one is, and why."""
    if not replicas:
        return Status(State.STOPPED, WhyNotReady.NOT_STARTED)
    life, best = min(replicas, key=lambda pair: RANK.index(pair[0].state))
    return Status(
        state=life.state,
        why=life.why if life.state is not State.READY else None,
        pid=best.pid,
        started_at=best.started_at,
        last_health_check_at=best.last_health_check_at,
        restarts=sum(replica.restarts for _, replica in replicas),
        last_exit=best.last_exit,
        rss_bytes=best.rss_bytes,
        failure=life.failure,
        retry_after_s=_retry_after_s(life),
        replicas=tuple(replica for _, replica in replicas),
    )


def _retry_after_s(life: Life) -> float | None:
    """Seconds after which another try makes sense; None when waiting alone does not help."""
    if life.state is State.STARTING:
        return 1.0
    if life.state in (State.BACKOFF, State.STOPPING) and life.why is WhyNotReady.RESTARTING:
        return life.delay_s + 1.0
    return 2.0 if life.state is State.UNHEALTHY else None
