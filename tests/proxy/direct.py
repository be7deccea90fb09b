"""The proxy called without a server, for scopes and messages that no server at hand would give."""

import asyncio
from collections.abc import Iterable
from typing import Any

from staging.wire import DEADLINE_S

from mediabridge.proxy import AsgiProxy, Routes
from mediabridge.proxy.testing import FakeUpstream

Pairs = Iterable[tuple[bytes, bytes]]
HOST = [(b"host", b"example.test")]


def http_scope(raw_path: bytes | None = b"/api/x", headers: Pairs = HOST, **more: Any) -> dict[str, Any]:
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/api/x", "query_string": b"", "root_path": "", "headers": list(headers), "client": ("10.0.0.1", 5),
        "server": ("10.0.0.2", 80),
    }  # fmt: skip
    if raw_path is not None:
        scope["raw_path"] = raw_path
    return scope | more


class Told:
    """What an ASGI server would have been told."""

    def __init__(self, *incoming: dict[str, Any]) -> None:
        self.incoming = list(incoming)
        self.received = 0
        self.sent: list[dict[str, Any]] = []
        self.done = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        self.received += 1
        if self.incoming:
            return self.incoming.pop(0)
        await self.done.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.done.set()

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


def call(
    proxy: AsgiProxy | None, scope: dict[str, Any], *incoming: dict[str, Any], upstream: FakeUpstream | None = None
) -> Told:
    """Run one scope through a proxy to its end."""

    async def run() -> Told:
        app = proxy or AsgiProxy(upstream or FakeUpstream(), routes=Routes.of("/api"))
        told = Told(*(incoming or ({"type": "http.request", "body": b"", "more_body": False},)))
        try:
            async with asyncio.timeout(DEADLINE_S):
                await app(scope, told.receive, told.send)
        finally:
            await app.aclose()
        return told

    return asyncio.run(run())
