"""Where an ASGI server offers more than uvicorn's HTTP/1.1 side does, the proxy uses it (ASGI's extensions)."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from staging.scripted import Call, ScriptedUpstream
from staging.wire import DEADLINE_S

from mediabridge.proxy import AsgiProxy, Routes
from mediabridge.proxy.testing import FakeUpstream

OFFERED = {"http.response.early_hint": {}, "http.response.trailers": {}}


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


def sent_by_proxy(upstream: ScriptedUpstream, extensions: dict[str, Any]) -> list[dict[str, Any]]:
    """What a server with these extensions would be told for one GET."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "2", "method": "GET", "scheme": "http",
        "path": "/api/x", "raw_path": b"/api/x", "query_string": b"", "root_path": "", "extensions": extensions,
        "headers": [(b"host", b"a"), (b"te", b"trailers")], "client": ("10.0.0.1", 5), "server": ("10.0.0.2", 80),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def run() -> None:
        proxy = AsgiProxy(FakeUpstream(upstream.endpoint), routes=Routes.of("/api"))
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            return messages.pop() if messages else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        async with asyncio.timeout(DEADLINE_S):
            await proxy(scope, receive, send)
            await proxy.aclose()

    asyncio.run(run())
    return sent


def hints_and_trailers(call: Call) -> None:
    call.request()
    call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
    call.send(
        b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"
    )


def test_early_hints_are_passed_on(upstream: ScriptedUpstream) -> None:
    upstream.script = hints_and_trailers
    first = sent_by_proxy(upstream, OFFERED)[0]
    assert first["type"] == "http.response.early_hint"
    assert list(first["links"]) == [b"</a.css>; rel=preload"]


def test_trailers_are_passed_on(upstream: ScriptedUpstream) -> None:
    upstream.script = hints_and_trailers
    *before, last = sent_by_proxy(upstream, OFFERED)
    start = next(message for message in before if message["type"] == "http.response.start")
    assert start["trailers"] is True
    assert last["type"] == "http.response.trailers"
    assert (b"x-sum", b"1") in list(last["headers"])


def test_neither_is_sent_to_a_server_that_does_not_know_it(upstream: ScriptedUpstream) -> None:
    upstream.script = hints_and_trailers
    sent = sent_by_proxy(upstream, {})
    assert {message["type"] for message in sent} == {"http.response.start", "http.response.body"}
    assert b"".join(message.get("body", b"") for message in sent[1:]) == b"ok"
