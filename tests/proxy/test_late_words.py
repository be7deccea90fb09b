"""A client that leaves in the very moment in which its response ends must not end the next client's exchange."""

import asyncio
from typing import Any

from staging.scripted import ScriptedUpstream
from staging.wire import DEADLINE_S

from mediabridge.proxy import AsgiProxy, Finished, Outcome, Routes
from mediabridge.proxy.testing import FakeUpstream

from .direct import http_scope


def test_a_late_disconnect_does_not_reach_the_connection_that_is_another_s_by_now() -> None:
    upstream = ScriptedUpstream()
    events: list[Finished] = []
    proxy = AsgiProxy(FakeUpstream(upstream.endpoint), routes=Routes.of("/api"), on_event=events.append)

    async def exchange(*, leaves: bool) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        left: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        body = [{"type": "http.request", "body": b"hello", "more_body": False}]

        async def receive() -> Any:
            return body.pop() if body else await left

        async def send(message: Any) -> None:
            sent.append(message)
            if leaves and message["type"] == "http.response.body" and not message["more_body"]:
                left.set_result({"type": "http.disconnect"})
                await asyncio.sleep(0)  # the listener hears it now; that it has is told one turn later

        await proxy(http_scope(method="POST", headers=[(b"host", b"a"), (b"content-length", b"5")]), receive, send)
        return sent

    async def run() -> list[list[dict[str, Any]]]:
        async with asyncio.timeout(DEADLINE_S):
            both = [await exchange(leaves=True), await exchange(leaves=False)]
            await proxy.aclose()
        return both

    try:
        first, second = asyncio.run(run())
    finally:
        upstream.close()
    assert (first[0]["status"], second[0]["status"]) == (200, 200)
    assert [event.outcome for event in events] == [Outcome.OK, Outcome.OK]
    assert len(upstream.calls) == 1, "both went over one connection: else this shows nothing"
