"""The JSON of a status and of events: for `supervise`, for `/api/bridge/status`, and between workers of one host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from .report import BridgeEvent
from .status import ExitStatus, Failure, FailureKind, ReplicaStatus, State, Status, WhyNotReady

Json = dict[str, Any]


def status_json(status: Status) -> Json:
    """CONTRACT §4, `GET /api/bridge/status`: camelCase, times in RFC 3339 UTC, memory in bytes."""
    return {
        "state": str(status.state),
        "why": str(status.why) if status.why else None,
        **_process(status),
        "retryAfterSeconds": status.retry_after_s,
        "failure": failure_json(status.failure),
        "replicas": [{"name": one.name, "state": str(one.state), **_process(one)} for one in status.replicas],
    }


def _process(one: Status | ReplicaStatus) -> Json:
    return {
        "pid": one.pid,
        "startedAt": _text(one.started_at),
        "lastHealthCheckAt": _text(one.last_health_check_at),
        "restarts": one.restarts,
        "lastExit": asdict(one.last_exit) if one.last_exit else None,
        "rssBytes": one.rss_bytes,
    }


def failure_json(failure: Failure | None) -> Json | None:
    """All of a failure, the child's stderr too."""
    if failure is None:
        return None
    return {
        "kind": str(failure.kind),
        "error": failure.error,
        "message": failure.message,
        "suggestion": failure.suggestion,
        "permanent": failure.permanent,
        "exit": asdict(failure.exit) if failure.exit else None,
        "stderrHead": failure.stderr_head,
        "stderrTail": failure.stderr_tail,
    }


def event_json(event: BridgeEvent, **more: object) -> Json:
    """One line of `supervise`."""
    return {
        "event": event.what,
        "replica": event.replica,
        "pid": event.pid,
        "words": event.words,
        "failure": failure_json(event.failure),
        "status": status_json(event.status),
        **more,
    }


def status_from(content: Mapping[str, Any]) -> Status:
    """The inverse of `status_json`. Raises KeyError, TypeError or ValueError for anything else."""
    return Status(
        state=State(content["state"]),
        why=WhyNotReady(content["why"]) if content["why"] else None,
        **_fields(content),
        failure=_failure_from(content["failure"]),
        retry_after_s=content["retryAfterSeconds"],
        replicas=tuple(
            ReplicaStatus(name=one["name"], state=State(one["state"]), **_fields(one)) for one in content["replicas"]
        ),
    )


def _fields(content: Mapping[str, Any]) -> Json:
    return {
        "pid": content["pid"],
        "started_at": _moment(content["startedAt"]),
        "last_health_check_at": _moment(content["lastHealthCheckAt"]),
        "restarts": content["restarts"],
        "last_exit": ExitStatus(**content["lastExit"]) if content["lastExit"] else None,
        "rss_bytes": content["rssBytes"],
    }


def _failure_from(content: Mapping[str, Any] | None) -> Failure | None:
    if content is None:
        return None
    return Failure(
        kind=FailureKind(content["kind"]),
        error=content["error"],
        message=content["message"],
        suggestion=content["suggestion"],
        permanent=content["permanent"],
        exit=ExitStatus(**content["exit"]) if content["exit"] else None,
        stderr_head=content["stderrHead"],
        stderr_tail=content["stderrTail"],
    )


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
