"""The WSGI proxy on a real waitress: the same answers as the ASGI proxy, as far as waitress lets them through."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staging.scripted import Call, ScriptedUpstream
from staging.waitress_stage import WaitressServer, WsgiStage

from mediabridge.proxy import Limits, Outcome, Unavailable

from .test_failures import explained


@pytest.fixture(scope="module")
def waitress_server() -> Iterator[WaitressServer]:
    server = WaitressServer()
    yield server
    server.stop()


@pytest.fixture
def wsgi(waitress_server: WaitressServer) -> Iterator[WsgiStage]:
    stage = WsgiStage(waitress_server, ScriptedUpstream())
    yield stage
    stage.close()


@pytest.mark.parametrize(
    "target", ["/api/a%2Fb", "/api//b", "/api/x?c&d=%2F&e=a|b&e=2", "/api/x;p=1", "/health", "/api/x?", "/api/x??"]
)
def test_the_target_arrives_as_it_was_sent(wsgi: WsgiStage, target: str) -> None:
    assert wsgi.ask(target).status == 200
    assert wsgi.upstream.take().target == target


@pytest.mark.parametrize("target", ["/api/../b", "/api/%2e%2e/b", "http://evil.test/api/x"])
def test_a_target_that_leads_elsewhere_is_400(wsgi: WsgiStage, target: str) -> None:
    explained(wsgi.ask(target), 400, "invalid_request")
    assert wsgi.upstream.requests.empty()


def test_other_paths_are_the_host_s(wsgi: WsgiStage) -> None:
    def own(env, start_response):  # type: ignore[no-untyped-def]
        start_response("200 OK", [("Content-Length", "3")])
        return [b"own"]

    wsgi.set_up(app=own)
    assert wsgi.ask("/apix").body == b"own"
    wsgi.set_up()
    explained(wsgi.ask("/apix"), 404, "not_found")


def test_not_ready_is_503_without_reading_the_body_or_connecting(wsgi: WsgiStage) -> None:
    wsgi.fake.be_away(Unavailable("Down", "It was killed.", "Wait.", 1.2))
    response = wsgi.ask("/api/x", "Content-Length: 3", method="POST", body=b"abc")
    assert explained(response, 503, "sidecar_unavailable")["message"] == "It was killed."
    assert response.get("retry-after") == "2"
    assert not wsgi.upstream.calls


def test_hop_by_hop_headers_end_here_in_both_directions(wsgi: WsgiStage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"Connection: X-Secret", b"X-Secret: 1", b"Keep-Alive: timeout=5", b"X-Kept: 1")

    wsgi.set_up(script)
    response = wsgi.ask("/api/x", "Connection: X-Hop", "X-Hop: 1", "TE: trailers", "Proxy-Authorization: x", "X-End: 1")
    got = dict(wsgi.upstream.take().headers)
    assert not {"x-hop", "te", "proxy-authorization", "keep-alive"} & got.keys()
    assert got["x-end"] == "1"
    assert response.get("x-kept") == "1"
    assert response.get("x-secret") is None


def test_forwarding_headers_are_ours_and_spoofed_ones_are_gone(wsgi: WsgiStage) -> None:
    wsgi.set_up(headers=((b"x-mediabridge-token", b"ours"),))
    wsgi.ask("/api/x", "X-Forwarded-For: 1.2.3.4", "X-Mediabridge-Token: theirs")
    message = wsgi.upstream.take()
    assert message.get("x-forwarded-for") == "127.0.0.1"
    assert message.get("x-mediabridge-token") == "ours"
    assert message.get("via")


def test_two_cookies_stay_two(wsgi: WsgiStage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer(b"", b"Set-Cookie: a=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT", b"Set-Cookie: b=2")

    wsgi.set_up(script)
    assert len(wsgi.ask().all("set-cookie")) == 2


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_arrives_whole_however_it_is_framed(wsgi: WsgiStage, method: str, *, chunked: bool) -> None:
    body = bytes(range(256)) * 3000
    if chunked:
        wire = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (body[:1000], body[1000:])) + b"0\r\n\r\n"
        assert wsgi.ask("/api/x", "Transfer-Encoding: chunked", method=method, body=wire).status == 200
    else:
        assert wsgi.ask("/api/x", f"Content-Length: {len(body)}", method=method, body=body).status == 200
    message = wsgi.upstream.take()
    assert (message.method, message.body, message.complete) == (method, body, True)


def test_a_body_over_the_limit_is_413(wsgi: WsgiStage) -> None:
    wsgi.set_up(limits=Limits(max_body=10))
    explained(wsgi.ask("/api/x", "Content-Length: 11", method="POST", body=b"x" * 11), 413, "payload_too_large")
    assert not wsgi.upstream.calls


def test_each_part_of_a_response_is_passed_on_at_once(wsgi: WsgiStage) -> None:
    seen = threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none\n\n\r\n"
        )
        assert seen.wait(8)  # nothing more comes before the client has the first part
        call.send(b"5\r\ntwo\n\n\r\n0\r\n\r\n")

    wsgi.set_up(script)
    client = wsgi.client()
    client.send(b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n")
    head = client.head()
    assert head is not None
    assert client.until(b"one\n\n") is not None
    seen.set()
    assert client.until(b"two\n\n") is not None


@pytest.mark.parametrize(
    "start",
    [b"Content-Length: 100\r\n\r\n0123456789", b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n"],
)
def test_a_response_that_breaks_off_never_looks_complete(wsgi: WsgiStage, start: bytes) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\n" + start)

    wsgi.set_up(script)
    assert not wsgi.ask().complete
    event = wsgi.event()
    assert event.aborted
    assert event.outcome is Outcome.UPSTREAM_FAILED


def test_failures_have_their_own_status(wsgi: WsgiStage) -> None:
    wsgi.set_up(lambda call: call.request() and None)
    explained(wsgi.ask(), 502, "upstream_failed")
    wsgi.set_up(lambda call: call.request() and call.until(b"never") and None, limits=Limits(first_byte_s=0.2))
    explained(wsgi.ask(), 504, "upstream_timeout")
    wsgi.upstream.stop_listening()
    wsgi.set_up()
    explained(wsgi.ask(), 503, "sidecar_unavailable")


def test_a_stale_connection_costs_a_get_nothing_and_a_post_is_sent_once(wsgi: WsgiStage) -> None:
    def once(call: Call) -> None:
        call.request()
        call.answer()
        call.request()  # a second one on the same connection is read and dropped

    wsgi.set_up(once)
    assert wsgi.ask().status == 200
    assert wsgi.ask().status == 200  # dropped, repeated on a fresh connection
    before = len(wsgi.upstream.calls)
    assert wsgi.ask("/api/x", "Content-Length: 1", method="POST", body=b"x").status == 502
    assert len(wsgi.upstream.calls) == before


def test_a_client_that_leaves_ends_the_upstream_call(wsgi: WsgiStage) -> None:
    ended = threading.Event()

    def script(call: Call) -> None:
        call.request()
        if call.at_end():
            ended.set()

    wsgi.set_up(script)
    client = wsgi.client()
    client.send(b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n")
    wsgi.upstream.take()
    client.close()
    assert ended.wait(8)
    assert wsgi.event().outcome is Outcome.CLIENT_GONE


def test_head_204_and_304_have_no_body(wsgi: WsgiStage) -> None:
    wsgi.set_up(lambda call: call.request() and call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"))
    assert wsgi.ask(method="HEAD").get("content-length") == "7"
    for status in (b"204 No Content", b"304 Not Modified"):
        wsgi.set_up(lambda call, status=status: call.request() and call.send(b"HTTP/1.1 " + status + b"\r\n\r\n"))  # type: ignore[misc]
        assert wsgi.ask().status == int(status[:3])


def test_many_threads_share_the_pool(wsgi: WsgiStage) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: wsgi.ask().status, range(80)))
    assert set(answers) == {200}
    assert len(wsgi.upstream.calls) <= 16


BODIES = st.binary(max_size=3000)
SET_BY_US = ("x-forwarded", "x-real", "x-request", "x-mediabridge")
NAMES = st.from_regex(r"X-[A-Za-z]{1,12}", fullmatch=True).filter(lambda n: not n.lower().startswith(SET_BY_US))
VALUES = st.from_regex(r"[!-~]{1,20}", fullmatch=True)
SEGMENTS = st.from_regex(r"[A-Za-z0-9%;,@~-]{1,10}", fullmatch=True).filter(lambda s: "%" not in s)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    segments=st.lists(SEGMENTS, max_size=4),
    query=st.from_regex(r"[A-Za-z0-9=&%|/.-]{0,30}", fullmatch=True),
    fields=st.dictionaries(NAMES, VALUES, max_size=5),
    body=BODIES,
)
def test_any_request_reaches_the_sidecar_unchanged(wsgi, method, segments, query, fields, body):  # type: ignore[no-untyped-def]
    """Property: method, path, query, end-to-end headers and body arrive as they were sent; so does the response."""
    path = "/".join(["/api", *segments])
    target = path + (f"?{query}" if query else "")
    headers = [f"{name}: {value}" for name, value in fields.items()]
    lowered = {name.lower(): value for name, value in fields.items()}
    if len(lowered) != len(fields):
        return
    response = wsgi.ask(target, *headers, f"Content-Length: {len(body)}", method=method, body=body)
    assert (response.status, response.body) == (200, b"ok")
    got = wsgi.upstream.take()
    assert (got.method, got.target, got.body) == (method, target, body)
    assert {name: got.get(name) for name in lowered} == lowered


def test_a_body_that_a_middleware_has_read_is_told_as_such(wsgi: WsgiStage) -> None:
    def reads_it(environ: Any, start_response: Any) -> Any:
        environ["wsgi.input"].read()
        return wsgi.wsgi(environ, start_response)

    wsgi.server.app = reads_it  # type: ignore[assignment]
    response = wsgi.ask("/api/x", "Content-Length: 5", method="POST", body=b"hello")
    assert response.status == 408
    assert b"middleware" in response.body
    assert wsgi.event().outcome is Outcome.CLIENT_TOO_SLOW
