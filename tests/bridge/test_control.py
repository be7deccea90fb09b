"""The JSON of status and events: names that others read (CONTRACT §4)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from mediabridge.bridge import (
    BridgeEvent,
    ExitStatus,
    FailureKind,
    ReplicaStatus,
    State,
    Status,
    WhyNotReady,
    event_json,
    status_json,
)

from .doubles import failure

AT = datetime(2026, 11, 21, 11, 30, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
PROCESS = {"pid", "startedAt", "lastHealthCheckAt", "restarts", "lastExit", "rssBytes"}


def test_a_status_has_the_names_of_the_contract() -> None:
    given = status_json(Status(State.READY, None, replicas=(ReplicaStatus("Python", State.READY),)))
    assert set(given) == {"state", "why", "retryAfterSeconds", "failure", "replicas"} | PROCESS
    assert set(given["replicas"][0]) == {"name", "state"} | PROCESS


def test_a_status_is_plain_json() -> None:
    status = Status(State.FAILED, WhyNotReady.EXITED, failure=failure(), last_exit=ExitStatus(signal="SIGKILL"))
    given = json.loads(json.dumps(status_json(status)))
    assert (given["state"], given["why"]) == ("failed", "exited")
    assert given["lastExit"] == {"code": None, "signal": "SIGKILL"}
    assert given["failure"]["kind"] == "exited"


def test_times_are_rfc_3339_in_utc() -> None:
    given = status_json(Status(State.READY, None, started_at=AT, last_health_check_at=AT.astimezone(UTC)))
    assert given["startedAt"] == given["lastHealthCheckAt"] == "2026-11-21T10:30:00.123Z"


def test_what_is_unknown_is_null() -> None:
    given = status_json(Status(State.STOPPED, WhyNotReady.NOT_STARTED))
    assert {name for name, value in given.items() if value is None} == PROCESS - {"restarts"} | {
        "retryAfterSeconds",
        "failure",
    }


def test_an_event_tells_what_who_and_the_status_of_that_moment() -> None:
    event = BridgeEvent("exited", "Python 2", Status(State.STOPPING, WhyNotReady.RESTARTING), 42, failure(), "words")
    given = event_json(event, url="http://x")
    assert (given["event"], given["replica"], given["pid"], given["words"]) == ("exited", "Python 2", 42, "words")
    assert given["status"] == status_json(event.status)
    assert given["failure"]["message"] == "message"
    assert given["url"] == "http://x"


def test_a_failure_brings_its_evidence() -> None:
    told = failure(FailureKind.KILLED)
    given = event_json(BridgeEvent("failed", "Python", Status(State.FAILED, WhyNotReady.EXITED), failure=told))[
        "failure"
    ]
    assert set(given) == {
        "kind",
        "error",
        "message",
        "suggestion",
        "permanent",
        "exit",
        "stderrHead",
        "stderrTail",
    }
