"""A request that comes while the upstream starts waits as long as it is told, ASGI and WSGI."""

import threading
from collections.abc import Iterator
from time import monotonic

import pytest
from staging.scripted import ScriptedUpstream
from staging.serving import Server, Stage, request
from staging.waitress_stage import WaitressServer, WsgiStage
from staging.wire import DEADLINE_S

from mediabridge.proxy import Endpoint, Limits, Outcome, Unavailable

STARTING = Unavailable("Flask server unavailable", "The sidecar is starting", "Try again", retry_after_s=1)
FOR_GOOD = Unavailable("Flask server unavailable", "The sidecar has been stopped", "Start it")


@pytest.fixture(scope="module")
def waitress() -> Iterator[WaitressServer]:
    server = WaitressServer()
    yield server
    server.stop()


@pytest.fixture(params=["asgi", "wsgi"])
def patient(request: pytest.FixtureRequest, server: Server, waitress: WaitressServer) -> Iterator[Stage]:
    stage = Stage(server, ScriptedUpstream()) if request.param == "asgi" else WsgiStage(waitress, ScriptedUpstream())
    stage.set_up(limits=Limits(start_wait_s=DEADLINE_S), headers=((b"x-token", b"ours"),))
    yield stage
    stage.close()


def in_flight(stage: Stage) -> int:
    proxy = getattr(stage, "wsgi", None) or stage.proxy
    return sum(counts.in_flight for counts in proxy.tally.by_route().values())


def wait_for(condition: object, what: str) -> None:
    assert callable(condition)
    end = monotonic() + DEADLINE_S
    pause = threading.Event()
    while not condition():
        assert monotonic() < end, what
        pause.wait(0.01)


def test_it_is_carried_when_the_upstream_gets_ready(patient: Stage) -> None:
    patient.fake.be_away(STARTING)
    wire = patient.client()
    wire.send(request("/api/x", "Content-Length: 5", "X-Token: forged", "x_token: forged", method="POST"), b"hello")
    wait_for(lambda: patient.fake.asked > 2, "it looks again and again")
    wait_for(lambda: in_flight(patient) == 1, "who waits is in flight")
    assert not patient.upstream.calls, "no connection is opened meanwhile"
    here = patient.upstream.endpoint
    patient.fake.be_ready(Endpoint(here.host, here.port, here.uds, ((b"x-token", b"ours"),)))
    assert wire.response().status == 200
    seen = patient.upstream.take()
    assert seen.body == b"hello"
    assert [value for name, value in seen.headers if name.lower().replace("_", "-") == "x-token"] == ["ours"]
    assert patient.event().outcome is Outcome.OK
    assert in_flight(patient) == 0


def test_what_will_not_pass_by_itself_is_not_waited_for(patient: Stage) -> None:
    patient.fake.be_away(FOR_GOOD)
    assert patient.ask().status == 503
    assert patient.fake.asked <= 2


def test_the_wait_ends_when_the_start_fails(patient: Stage) -> None:
    patient.fake.be_away(STARTING)
    wire = patient.client()
    wire.send(request())
    wait_for(lambda: patient.fake.asked > 2, "it looks again and again")
    patient.fake.be_away(FOR_GOOD)
    response = wire.response()
    assert response.status == 503
    assert b"has been stopped" in response.body


def test_the_wait_is_bounded(patient: Stage) -> None:
    patient.set_up(limits=Limits(start_wait_s=0.1))
    patient.fake.be_away(STARTING)
    response = patient.ask()
    assert (response.status, response.get("retry-after")) == (503, "1")
    event = patient.event()
    assert event.outcome is Outcome.NOT_READY
    assert event.total_ms >= 100


def test_without_a_limit_set_nobody_waits(patient: Stage) -> None:
    patient.set_up()
    patient.fake.be_away(STARTING)
    assert patient.ask().status == 503
    assert patient.fake.asked == 1
