"""Several replicas behind one proxy, ASGI and WSGI: real sockets, one of them failing."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from staging.scripted import Call, ScriptedUpstream, always_ok
from staging.serving import Server, Stage, request
from staging.waitress_stage import WaitressServer, WsgiStage
from staging.wire import DEADLINE_S

from mediabridge.proxy import Outcome


@pytest.fixture(scope="module")
def waitress() -> Iterator[WaitressServer]:
    server = WaitressServer()
    yield server
    server.stop()


@pytest.fixture
def replicas() -> Iterator[tuple[ScriptedUpstream, ScriptedUpstream]]:
    pair = ScriptedUpstream(), ScriptedUpstream()
    yield pair
    for upstream in pair:
        upstream.close()


@pytest.fixture(params=["asgi", "wsgi"])
def two(
    request: pytest.FixtureRequest,
    server: Server,
    waitress: WaitressServer,
    replicas: tuple[ScriptedUpstream, ScriptedUpstream],
) -> Iterator[Stage]:
    stage = Stage(server, ScriptedUpstream()) if request.param == "asgi" else WsgiStage(waitress, ScriptedUpstream())
    stage.fake.be_ready(*(upstream.endpoint for upstream in replicas))
    yield stage
    stage.close()


def who_answered(stage: Stage, times: int) -> Counter[bytes]:
    return Counter(stage.ask().body for _ in range(times))


def named(name: bytes) -> object:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.answer(name)

    return script


def test_requests_take_turns(two: Stage, replicas: tuple[ScriptedUpstream, ScriptedUpstream]) -> None:
    for name, upstream in zip((b"one", b"two"), replicas, strict=True):
        upstream.script = named(name)  # type: ignore[assignment]
    assert who_answered(two, 10) == {b"one": 5, b"two": 5}


def test_the_idle_one_gets_what_comes_while_the_other_works(
    two: Stage, replicas: tuple[ScriptedUpstream, ScriptedUpstream]
) -> None:
    go_on, busy = threading.Event(), threading.Event()

    def slow(call: Call) -> None:
        while call.request() is not None:
            busy.set()
            assert go_on.wait(DEADLINE_S)
            call.answer(b"slow")

    for upstream in replicas:
        upstream.script = slow
    waiting = two.client()
    waiting.send(request())
    assert busy.wait(DEADLINE_S)
    working = next(upstream for upstream in replicas if upstream.calls)
    for upstream in replicas:
        if upstream is not working:
            upstream.script = named(b"idle")  # type: ignore[assignment]
    assert who_answered(two, 6) == {b"idle": 6}
    go_on.set()
    assert waiting.response().body == b"slow"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_one_that_cannot_be_reached_costs_no_request(
    two: Stage, replicas: tuple[ScriptedUpstream, ScriptedUpstream], method: str
) -> None:
    replicas[0].stop_listening()
    body = b"hello" if method == "POST" else b""
    framing = [f"Content-Length: {len(body)}"] if body else []
    for _ in range(6):
        assert two.ask("/api/x", *framing, method=method, body=body).status == 200
        assert two.event().outcome is Outcome.OK
    assert replicas[1].requests.qsize() == 6
    assert replicas[1].take().body == body


def test_one_that_breaks_off_is_left_out(two: Stage, replicas: tuple[ScriptedUpstream, ScriptedUpstream]) -> None:
    def broken(call: Call) -> None:
        call.request()

    replicas[0].script, replicas[1].script = broken, always_ok
    statuses = Counter(two.ask(method="POST").status for _ in range(6))
    assert statuses[502] >= 1, "the one that breaks off has its turn"
    assert statuses[200] >= 4, "then it is left out"


def test_all_gone_is_503(two: Stage, replicas: tuple[ScriptedUpstream, ScriptedUpstream]) -> None:
    for upstream in replicas:
        upstream.stop_listening()
    assert two.ask().status == 503
    assert two.event().outcome is Outcome.UNREACHABLE
