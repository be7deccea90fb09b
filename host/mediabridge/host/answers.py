"""The host's own answers: liveness, readiness, status. Plain ASGI."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from email.utils import formatdate
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mediabridge.bridge import PythonBridge, status_json
from mediabridge.proxy import request_id_of

from .metrics import CONTENT_TYPE
from .upstream import unavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Content = dict[str, object] | bytes  # JSON, or the text of the metrics


def own_version() -> str:
    """The installed version of mediabridge."""
    try:
        return version("mediabridge")
    except PackageNotFoundError:
        return "unknown"


class HostAnswers:
    """Everything that the host answers itself; the proxy stands before it."""

    def __init__(
        self, bridge: PythonBridge, proxied: tuple[str, ...], metrics: Callable[[], bytes] = lambda: b""
    ) -> None:
        self._bridge = bridge
        self._metrics = metrics
        self._proxied = proxied
        self._own: dict[str, Callable[[], tuple[int, Content]]] = {
            "/": self._index,
            "/healthz": lambda: (200, {"status": "ok"}),
            "/readyz": self._ready,
            "/metrics": lambda: (200, self._metrics()),
            "/api/bridge/status": lambda: (200, status_json(self._bridge.status())),
        }

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """ASGI. Anything but GET and HEAD of the few paths gets the error of CONTRACT §3."""
        if scope["type"] != "http":
            return
        answer = self._own.get(scope["path"])
        if answer is None:
            await _send(send, scope, 404, self._not_found(scope["path"]))
        elif scope["method"] not in ("GET", "HEAD"):
            body = problem(
                "Method not allowed", f"{scope['path']} answers GET only.", "Use GET.", 405, "invalid_request"
            )
            await _send(send, scope, 405, body, ((b"allow", b"GET, HEAD"),))
        else:
            status, content = answer()
            retry = content.get("retryAfter") if isinstance(content, dict) else None
            await _send(send, scope, status, content, ((b"retry-after", str(retry).encode()),) if retry else ())

    def _index(self) -> tuple[int, Content]:
        return 200, {
            "service": "mediabridge",
            "version": own_version(),
            "ready": self._bridge.is_ready(),
            "endpoints": [*self._own, *self._proxied],
        }

    def _ready(self) -> tuple[int, Content]:
        status = self._bridge.status()
        if status.ready:
            return 200, {"status": "ready", "pid": status.pid}
        words = unavailable(status)
        body = problem(words.error, words.message, words.suggestion, 503, "sidecar_unavailable")
        if words.retry_after_s is not None:
            body["retryAfter"] = max(1, round(words.retry_after_s))
        return 503, {**body, **words.details}

    def _not_found(self, path: str) -> dict[str, object]:
        known = ", ".join([*self._own, *self._proxied])
        return problem("Not found", f"There is nothing at {path[:200]}.", f"Known here: {known}", 404, "not_found")


def problem(error: str, message: str, suggestion: str, status: int, code: str) -> dict[str, object]:
    """The error body of CONTRACT §3."""
    return {
        "error": error,
        "message": message,
        "suggestion": suggestion,
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "status": status,
        "code": code,
    }


async def _send(
    send: Send, scope: Scope, status: int, content: Content, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    request_id = request_id_of(scope["headers"])
    if isinstance(content, bytes):
        kind, body = CONTENT_TYPE, content
    else:
        told = {"requestId": request_id} if "error" in content else {}
        kind, body = "application/json", json.dumps({**content, **told}).encode()
    fixed = (
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"date", formatdate(usegmt=True).encode()),
        (b"x-request-id", request_id.encode()),
    )
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
