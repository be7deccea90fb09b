"""An ASGI application as a user writes it: its lifespan starts a shared bridge, `/` answers what this worker sees."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from mediabridge.bridge import BridgeOptions, PythonBridge, Rules, wsgi

bridge = PythonBridge(
    BridgeOptions(
        target=wsgi("application:app", cwd=str(Path(__file__).parent), own_interpreter=True),
        port=int(os.environ["SHARED_PORT"]),
        rules=Rules(start_tries=1000, start_interval_s=0.02, grace_s=2),
        shared=True,
    )
)


def seen() -> dict[str, object]:
    """All that must be the same in every worker."""
    ready = bridge.is_ready()
    return {
        "worker": os.getpid(),
        "ready": ready,
        "url": bridge.url if ready else None,
        "token": bridge.token,
        "sidecar": bridge.status().pid,
    }


async def app(scope: dict, receive: object, send: object) -> None:
    """ASGI."""
    if scope["type"] == "lifespan":
        await receive()
        await asyncio.to_thread(bridge.start)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(bridge.stop)
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = json.dumps(seen()).encode()
    headers = [(b"connection", b"close"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
