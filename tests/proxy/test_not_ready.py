"""While the upstream is not ready nothing is opened, nothing is read, and the answer says why."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staging.serving import Stage, request

from mediabridge.proxy import Limits, Outcome, Unavailable

WHY = Unavailable(
    "Flask server unavailable", "It exited with code 1 (ImportError: flask)", "Run: mediabridge doctor", 2.1,
    {"state": "crashed", "status": 200},
)  # fmt: skip


def test_not_ready_is_503_in_the_upstreams_words(stage: Stage) -> None:
    stage.fake.be_away(WHY)
    response = stage.ask("/api/x", "X-Request-ID: mine")
    answer = json.loads(response.body)
    assert (response.status, response.get("retry-after")) == (503, "3")
    assert answer.pop("timestamp").endswith("Z")
    assert answer == {
        "error": WHY.error, "message": WHY.message, "suggestion": WHY.suggestion, "status": 503,
        "code": "sidecar_unavailable", "requestId": "mine", "state": "crashed",
    }  # fmt: skip
    event = stage.event()
    assert (event.outcome, event.message) == (Outcome.NOT_READY, WHY.message)
    assert not stage.upstream.calls


def test_without_a_time_to_wait_there_is_no_retry_after(stage: Stage) -> None:
    stage.fake.be_away(Unavailable("a", "b", "c"))
    assert stage.ask().get("retry-after") is None


def test_short_waits_are_a_whole_second(stage: Stage) -> None:
    stage.fake.be_away(Unavailable("a", "b", "c", 0.01))
    assert stage.ask().get("retry-after") == "1"


@pytest.mark.parametrize("framing", ["Content-Length: 50000000", "Transfer-Encoding: chunked"])
def test_503_comes_before_the_body_and_without_a_100(stage: Stage, framing: str) -> None:
    stage.fake.be_away(WHY)
    wire = stage.client()
    wire.send(request("/api/x", framing, "Expect: 100-continue", method="POST"))
    head = wire.head()
    assert head is not None
    assert head.status == 503
    # The client may or may not send the body now: only closing tells the next request from it.
    assert head.get("connection") == "close"
    wire.body(head)
    assert wire.at_end()
    assert stage.event().bytes_in == 0


def test_503_is_not_lost_under_a_body_that_is_being_sent(stage: Stage) -> None:
    stage.fake.be_away(WHY)
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 3000000", method="POST"), b"x" * 3_000_000)
    assert wire.response().status == 503
    wire.send(request())
    assert wire.response().status == 503  # and the connection is still in step


def test_ready_is_asked_for_each_request(stage: Stage) -> None:
    wire = stage.client()
    endpoint = stage.upstream.endpoint
    for ready in (False, True, False, True):
        stage.fake.be_ready(endpoint) if ready else stage.fake.be_away()
        wire.send(request())
        assert wire.response().status == (200 if ready else 503)


def test_too_large_is_not_looked_at_before_readiness(stage: Stage) -> None:
    stage.set_up(limits=Limits(max_body=1))
    stage.fake.be_away(WHY)
    assert stage.ask("/api/x", "Content-Length: 5", method="POST", body=b"hello").status == 503


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    path=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#"), max_size=30),
    query=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=20),
    body=st.one_of(st.none(), st.binary(max_size=300)),
)
def test_any_request_is_503_and_opens_no_connection(
    stage: Stage, method: str, path: str, query: str, body: bytes | None
) -> None:
    stage.fake.be_away(WHY)
    framing = [] if body is None else [f"Content-Length: {len(body)}"]
    response = stage.ask(f"/api/{path}?{query}", *framing, method=method, body=body or b"")
    assert response.status == 503
    assert method == "HEAD" or json.loads(response.body)["code"] == "sidecar_unavailable"
    assert not stage.upstream.calls
    assert stage.fake.given == 0
