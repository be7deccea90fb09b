"""What only a call without a server can show: scopes that servers at hand refuse, other versions, other types."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from staging.scripted import Call, ScriptedUpstream

from mediabridge.proxy import AsgiProxy, Endpoint, Finished, Limits, Outcome, ResponseAbortedError, Routes
from mediabridge.proxy.testing import FakeUpstream

from .direct import HOST, Told, call, http_scope

ROUTES = Routes.of("/api")


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


def ask(upstream: ScriptedUpstream, scope: dict[str, Any], *incoming: dict[str, Any], **more: Any) -> Told:
    fake = FakeUpstream(upstream.endpoint)
    return call(AsgiProxy(fake, routes=ROUTES, on_event=lambda event: None, **more), scope, *incoming)


@pytest.mark.parametrize(
    "scope",
    [
        http_scope(headers=[*HOST, (b"content-length", b"5"), (b"transfer-encoding", b"chunked")]),
        http_scope(headers=[*HOST, (b"content-length", b"5"), (b"content-length", b"6")]),
        http_scope(headers=[*HOST, (b"content-length", b"5, 5")]),
        http_scope(headers=[*HOST, (b"content-length", b"+5")]),
        http_scope(headers=[*HOST, (b"content-length", b"0x5")]),
        http_scope(headers=[*HOST, (b"content-length", b"")]),
        http_scope(headers=[*HOST, (b"content-length", "\u0665".encode())]),
        http_scope(headers=[*HOST, (b"transfer-encoding", b"gzip, chunked")]),
        http_scope(headers=[*HOST, (b"transfer-encoding", b"identity")]),
        http_scope(headers=[*HOST, (b"transfer-encoding", b"xchunked")]),
        http_scope(headers=[*HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")]),
        http_scope(headers=[*HOST, (b"transfer-encoding", b"chunked")], http_version="1.0"),
        http_scope(headers=[*HOST, (b"x-a", b"b\r\nx-c: d")]),
        http_scope(headers=[*HOST, (b"x-a", b"b\r\n folded")]),
        http_scope(headers=[*HOST, (b"x-a", b"b\nc")]),
        http_scope(headers=[*HOST, (b"x-a", b"b\rc")]),
        http_scope(headers=[*HOST, (b"x-a", b"b\0c")]),
        http_scope(headers=[*HOST, (b"transfer-encoding ", b"chunked")]),
        http_scope(headers=[*HOST, (b"x a", b"b")]),
        http_scope(headers=[*HOST, (b"x:a", b"b")]),
        http_scope(headers=[*HOST, (b"", b"b")]),
        http_scope(headers=[(b"host", b"a"), (b"host", b"b")]),
        http_scope(headers=[]),
        http_scope(b"/api/x y"),
        http_scope(b"/api/x\r\nX-A: b"),
        http_scope(b"/api/x?y"),
        http_scope(b"/api/x#y"),
        http_scope(query_string=b"a b"),
        http_scope(query_string=b"a\r\nX-A: b"),
        http_scope(method="GET /"),
        http_scope(method=""),
        http_scope(method="CONNECT"),
    ],
    ids=lambda scope: repr([scope["headers"][1:], scope["raw_path"], scope["method"], scope["query_string"]])[:70],
)
def test_what_two_servers_may_read_differently_is_refused(upstream: ScriptedUpstream, scope: dict[str, Any]) -> None:
    told = ask(upstream, scope)
    assert told.status == 400
    assert json.loads(told.body)["code"] == "invalid_request"
    assert (b"connection", b"close") in told.sent[0]["headers"]
    assert not upstream.calls


@pytest.mark.parametrize("path", [b"http://evil.test/api/x", b"evil.test:80", b"@evil.test/api/x", b"*", b""])
def test_target_that_is_no_path_is_not_ours(upstream: ScriptedUpstream, path: bytes) -> None:
    assert ask(upstream, http_scope(path)).status == 404
    assert not upstream.calls


def test_same_length_twice_becomes_one(upstream: ScriptedUpstream) -> None:
    scope = http_scope(headers=[*HOST, (b"content-length", b"2"), (b"content-length", b"2")], method="POST")
    assert ask(upstream, scope, {"type": "http.request", "body": b"ab"}).status == 200
    assert upstream.take().all("content-length") == ["2"]


def test_path_of_a_server_without_raw_path_is_encoded_again(upstream: ScriptedUpstream) -> None:
    assert ask(upstream, http_scope(None, path="/api/ä b/%")).status == 200
    assert upstream.take().target == "/api/%C3%A4%20b/%25"


@pytest.mark.parametrize("body", [b"abc", b"abcdef"])
def test_body_of_another_length_than_announced_is_never_a_whole_request(
    upstream: ScriptedUpstream, body: bytes
) -> None:
    seen = []

    def script(call: Call) -> None:
        seen.append(call.request())

    upstream.script = script
    scope = http_scope(headers=[*HOST, (b"content-length", b"5")], method="POST")
    told = ask(upstream, scope, {"type": "http.request", "body": body})
    assert told.status == 400
    upstream.close()
    assert all(request is None or not request.complete for request in seen)


class TestOtherVersions:
    """Hosts that speak HTTP/2 give scopes without framing headers."""

    def test_http_2_without_a_body(self, upstream: ScriptedUpstream) -> None:
        told = ask(upstream, http_scope(http_version="2"), {"type": "http.request", "body": b"", "more_body": False})
        assert told.status == 200
        received = upstream.take()
        assert received.get("transfer-encoding") is None
        assert received.get("via") == "2 mediabridge"

    def test_http_2_with_a_body_of_unknown_length(self, upstream: ScriptedUpstream) -> None:
        told = ask(
            upstream, http_scope(http_version="2", method="POST"),
            {"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.request", "body": b"cd"},
        )  # fmt: skip
        assert told.status == 200
        received = upstream.take()
        assert (received.body, received.get("transfer-encoding")) == (b"abcd", "chunked")

    def test_http_2_cookie_crumbs_become_one_cookie(self, upstream: ScriptedUpstream) -> None:
        headers = [*HOST, (b"cookie", b"a=1"), (b"cookie", b"b=2")]
        assert ask(upstream, http_scope(headers=headers, http_version="2")).status == 200
        assert upstream.take().all("cookie") == ["a=1; b=2"]

    def test_http_2_client_that_leaves_at_once(self, upstream: ScriptedUpstream) -> None:
        told = ask(upstream, http_scope(http_version="2", method="POST"), {"type": "http.disconnect"})
        assert told.sent == []
        assert not upstream.calls


class TestReceive:
    """Whether and when the client's body is asked for."""

    def test_not_before_readiness(self) -> None:
        headers = [*HOST, (b"content-length", b"5")]
        assert call(None, http_scope(headers=headers)).received == 0

    def test_not_before_the_limit(self, upstream: ScriptedUpstream) -> None:
        told = ask(upstream, http_scope(headers=[*HOST, (b"content-length", b"5"), (b"expect", b"100-continue")]),
                   limits=Limits(max_body=4))  # fmt: skip
        assert (told.status, told.received) == (413, 0)

    def test_never_for_a_quick_request_without_body(self, upstream: ScriptedUpstream) -> None:
        assert ask(upstream, http_scope()).received == 0

    def test_server_that_repeats_the_end_of_the_body_does_not_keep_us_busy(self, upstream: ScriptedUpstream) -> None:
        def script(call: Call) -> None:
            call.request()
            call.sock.settimeout(0.3)
            with pytest.raises(TimeoutError):
                call.sock.recv(1)
            call.answer()

        upstream.script = script
        end = {"type": "http.request", "body": b"", "more_body": False}
        told = ask(upstream, http_scope(), *[end] * 100_000)
        assert told.status == 200
        assert told.received < 1000


class TestMiddleware:
    def test_other_paths_go_to_the_application(self, upstream: ScriptedUpstream) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 299, "headers": []})
            await send({"type": "http.response.body"})

        assert ask(upstream, http_scope(b"/other"), app=app).status == 299
        assert ask(upstream, http_scope(b"/api/x"), app=app).status == 200

    def test_error_of_a_receive_reaches_the_server(self, upstream: ScriptedUpstream) -> None:
        async def receive() -> Any:
            raise RuntimeError("a middleware's own")

        async def send(message: Any) -> None: ...

        async def run() -> None:
            proxy = AsgiProxy(FakeUpstream(upstream.endpoint), routes=ROUTES)
            try:
                await proxy(http_scope(headers=[*HOST, (b"content-length", b"5")]), receive, send)
            finally:
                await proxy.aclose()

        with pytest.raises(RuntimeError, match="own"):
            asyncio.run(run())

    def test_cut_off_response_is_raised_through_a_middleware(
        self, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
    ) -> None:
        def script(call: Call) -> None:
            call.request()
            call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")

        upstream.script = script
        with pytest.raises(ResponseAbortedError) as raised:
            ask(upstream, http_scope())
        server_log = logging.getLogger("uvicorn.error")
        server_log.error("Exception in ASGI application\n", exc_info=raised.value)
        group = ExceptionGroup("", [raised.value])
        server_log.error("Exception in ASGI application\n", exc_info=group)
        assert not caplog.records
        server_log.error("another", exc_info=ExceptionGroup("", [raised.value, ValueError()]))
        server_log.error("one more", exc_info=ValueError())
        assert [record.getMessage() for record in caplog.records] == ["another", "one more"]


class TestLifespan:
    def test_is_answered_without_an_application(self) -> None:
        told = call(None, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
        assert [message["type"] for message in told.sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    def test_goes_to_the_application_and_closes_the_pool_behind_it(self, upstream: ScriptedUpstream) -> None:
        seen = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["type"])
            await receive()

        async def run() -> None:
            proxy = AsgiProxy(FakeUpstream(upstream.endpoint), routes=ROUTES, app=app)
            told = Told({"type": "lifespan.shutdown"})
            await proxy(http_scope(), told.receive, told.send)
            assert proxy._client is not None
            await proxy({"type": "lifespan"}, told.receive, told.send)
            assert proxy._client is None

        asyncio.run(run())
        assert seen == ["lifespan"]
        upstream.close()


class TestWebSocket:
    SCOPE: ClassVar = {"type": "websocket", "path": "/api/x", "raw_path": b"/api/x", "headers": []}

    def test_is_closed_before_the_handshake(self) -> None:
        told = call(None, self.SCOPE, {"type": "websocket.connect"})
        assert told.sent == [{"type": "websocket.close", "code": 1008}]

    def test_is_answered_in_json_where_the_server_can(self) -> None:
        scope = self.SCOPE | {"extensions": {"websocket.http.response": {}}}
        told = call(None, scope, {"type": "websocket.connect"})
        assert [message["type"] for message in told.sent] == [
            "websocket.http.response.start", "websocket.http.response.body",
        ]  # fmt: skip
        assert told.status == 400
        assert json.loads(told.body)["code"] == "invalid_request"

    def test_elsewhere_is_refused_without_an_application(self) -> None:
        told = call(None, self.SCOPE | {"raw_path": b"/other"}, {"type": "websocket.connect"})
        assert told.sent == [{"type": "websocket.close", "code": 1008}]


class TestEvents:
    def events(self, upstream: ScriptedUpstream, scope: dict[str, Any], *incoming: dict[str, Any]) -> list[Finished]:
        events: list[Finished] = []
        call(AsgiProxy(FakeUpstream(upstream.endpoint), routes=ROUTES, on_event=events.append), scope, *incoming)
        return events

    def test_one_event_for_each_request(self, upstream: ScriptedUpstream) -> None:
        scope = http_scope(b"/api/a%2Fb", [*HOST, (b"content-length", b"3")], method="PUT", query_string=b"secret=1")
        (event,) = self.events(upstream, scope, {"type": "http.request", "body": b"abc"})
        assert (event.method, event.path, event.route, event.status) == ("PUT", "/api/a%2Fb", "/api", 200)
        assert (event.outcome, event.bytes_in, event.bytes_out, event.aborted) == (Outcome.OK, 3, 2, False)
        assert event.first_byte_ms is not None
        assert 0 < event.first_byte_ms <= event.total_ms
        assert "secret" not in repr(event)

    def test_path_of_a_refused_request_cannot_forge_a_line_of_the_log(self, upstream: ScriptedUpstream) -> None:
        (event,) = self.events(upstream, http_scope(b"/api/x\r\n\x1b[2Jforged"))
        assert event.path == r"/api/x\r\n\x1b[2Jforged"

    def test_log_line(self, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "mediabridge.proxy")
        call(AsgiProxy(FakeUpstream(upstream.endpoint), routes=ROUTES), http_scope())
        upstream.close()
        call(AsgiProxy(FakeUpstream(upstream.endpoint), routes=ROUTES), http_scope())
        ok, failed = caplog.records
        assert ok.levelno == logging.INFO
        assert ok.getMessage().startswith("GET /api/x 200 ok in=0 out=2 first_ms=")
        assert failed.levelno == logging.WARNING
        assert failed.getMessage().startswith("GET /api/x 503 unreachable in=0 out=")


def test_one_proxy_may_serve_several_event_loops_in_turn(upstream: ScriptedUpstream) -> None:
    proxy = AsgiProxy(FakeUpstream(upstream.endpoint), routes=ROUTES, on_event=lambda event: None)
    assert [call(proxy, http_scope()).status for _ in range(2)] == [200, 200]


def test_endpoint_names_itself() -> None:
    assert [str(Endpoint(port=5001)), str(Endpoint(uds="/run/s"))] == ["127.0.0.1:5001", "unix:/run/s"]


def test_cancelled_request_closes_the_upstream_call(upstream: ScriptedUpstream) -> None:
    ended = []

    def script(call: Call) -> None:
        call.request()
        ended.append(call.at_end())

    upstream.script = script

    async def run() -> None:
        proxy = AsgiProxy(FakeUpstream(upstream.endpoint), routes=ROUTES, on_event=lambda event: None)
        told = Told()
        task = asyncio.create_task(proxy(http_scope(), told.receive, told.send))  # type: ignore[arg-type]
        await asyncio.to_thread(upstream.take)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await proxy.aclose()

    asyncio.run(run())
    upstream.close()
    assert ended == [True]
