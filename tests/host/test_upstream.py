"""The joint: the bridge's words become the proxy's."""

import dataclasses

import pytest

from mediabridge.bridge import (
    BridgeOptions,
    ExitStatus,
    Failure,
    FailureKind,
    PythonBridge,
    State,
    Status,
    WhyNotReady,
)
from mediabridge.bridge.testing import pretend
from mediabridge.host import BridgeUpstream
from mediabridge.host.upstream import WORDS, unavailable

FAILURE = Failure(
    FailureKind.KILLED,
    "Flask server unavailable",
    "The sidecar was killed by SIGKILL.",
    "See who sent the signal.",
    exit=ExitStatus(signal="SIGKILL"),
)


def test_every_reason_has_words():
    assert set(WORDS) == set(WhyNotReady)


@pytest.mark.parametrize("why", list(WhyNotReady))
def test_every_reason_gives_a_message_and_a_suggestion(why):
    words = unavailable(Status(State.STOPPED, why))
    assert words.message
    assert words.suggestion
    assert words.details["why"] == why


def test_a_failure_speaks_for_itself():
    words = unavailable(Status(State.FAILED, WhyNotReady.START_FAILED, failure=FAILURE))
    assert (words.error, words.message, words.suggestion) == (FAILURE.error, FAILURE.message, FAILURE.suggestion)


def test_a_restart_says_what_happened_and_when_to_try_again():
    words = unavailable(Status(State.BACKOFF, WhyNotReady.RESTARTING, failure=FAILURE, retry_after_s=1.5))
    assert FAILURE.message in words.message
    assert words.retry_after_s == 1.5


def test_an_end_without_restart_names_the_policy():
    words = unavailable(Status(State.FAILED, WhyNotReady.EXITED, failure=FAILURE))
    assert "SIDECAR_RESTART" in words.suggestion
    assert words.retry_after_s is None


def test_a_ready_bridge_gives_its_address_and_token():
    bridge = PythonBridge(BridgeOptions())
    with pretend(url="http://127.0.0.1:4711"):
        bridge.start()
    upstream = BridgeUpstream(bridge)
    assert upstream.why_not_ready() is None
    (endpoint,) = upstream.endpoints()
    assert (endpoint.host, endpoint.port) == ("127.0.0.1", 4711)
    assert endpoint.headers == ((b"x-mediabridge-token", bridge.token.encode()),)
    assert upstream.endpoints()[0] is endpoint


def test_a_bridge_that_stopped_in_between_gives_no_endpoint():
    upstream = BridgeUpstream(PythonBridge(BridgeOptions()))
    assert upstream.endpoints() == ()
    why = upstream.why_not_ready()
    assert why is not None
    assert dataclasses.is_dataclass(why)
