"""Not ready: 503 with the JSON of CONTRACT §3, the same words from every host, and no connection opened."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from .case import COLUMNS, VARIANTS
from .stages import AWAY, WHY

SAID = {
    "error": "Flask server unavailable", "message": AWAY["message"], "suggestion": AWAY["suggestion"], "status": 503,
    "code": "sidecar_unavailable", "requestId": "mine-1", **WHY,
}  # fmt: skip


@pytest.mark.parametrize("host", [*COLUMNS, *VARIANTS])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("target", ["/api/x", "/health", "/api/extract/a%2Fb?c"])
def test_not_ready_is_503_in_the_same_words(on: Callable[[str], Any], host: str, method: str, target: str) -> None:
    stage = on(host)
    stage.be_away()
    body = b"x" * 1000 if method == "POST" else b""
    fields = [f"Content-Length: {len(body)}"] if body else []
    response = stage.ask(target, "X-Request-ID: mine-1", *fields, method=method, body=body)
    assert (response.status, response.get("retry-after")) == (503, str(AWAY["retryAfter"]))
    assert (response.get("content-type"), response.get("x-request-id")) == ("application/json", "mine-1")
    if method != "HEAD":
        answer = json.loads(response.body)
        assert answer.pop("timestamp").endswith("Z")
        assert answer == SAID
    assert not stage.upstream.calls


@pytest.mark.parametrize("host", [*COLUMNS, *VARIANTS])
def test_what_is_not_a_route_is_the_host_s_while_it_is_away(on: Callable[[str], Any], host: str) -> None:
    stage = on(host)
    stage.be_away()
    assert stage.ask("/apix").status == 404
