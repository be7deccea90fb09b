"""What the host answers itself."""

import asyncio
import json

import pytest

from mediabridge.bridge import PythonBridge
from mediabridge.bridge.testing import pretend
from mediabridge.host.answers import HostAnswers


def ask(path, method="GET", headers=(), *, failure=None, started=True):
    """(status, headers, JSON or b"")."""
    sent = []

    async def send(message):
        sent.append(message)

    async def run():
        with pretend(failure=failure):
            bridge = PythonBridge()
            if started:
                bridge.start(wait=False)
            app = HostAnswers(bridge, ("/api/extract",))
            scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
            await app(scope, None, send)

    asyncio.run(run())
    start, body = sent
    fields = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], fields, json.loads(body["body"]) if body["body"] else b""


def test_liveness_is_200_whatever_the_sidecar_does():
    assert ask("/healthz", failure="It is broken.")[0] == 200


def test_readiness_follows_the_bridge():
    assert ask("/readyz")[0] == 200
    status, _, body = ask("/readyz", failure="It is broken.")
    assert status == 503
    assert body["message"] == "It is broken."
    assert body["code"] == "sidecar_unavailable"
    assert body["why"] == "start_failed"


def test_the_status_has_the_contract_s_fields():
    body = ask("/api/bridge/status")[2]
    for field in (
        "state",
        "why",
        "pid",
        "startedAt",
        "lastHealthCheckAt",
        "restarts",
        "lastExit",
        "rssBytes",
        "replicas",
    ):
        assert field in body


@pytest.mark.parametrize(("path", "method", "status"), [("/nothing", "GET", 404), ("/healthz", "POST", 405)])
def test_errors_have_the_contract_s_shape(path, method, status):
    got, headers, body = ask(path, method, [(b"x-request-id", b"my-id")])
    assert got == body["status"] == status
    assert set(body) >= {"error", "message", "suggestion", "timestamp", "status", "code", "requestId"}
    assert headers["x-request-id"] == body["requestId"] == "my-id"


def test_an_insane_request_id_is_replaced():
    headers = ask("/healthz", headers=[(b"x-request-id", b"a b\x00")])[1]
    assert len(headers["x-request-id"]) == 26


def test_head_has_the_length_and_no_body():
    status, headers, body = ask("/healthz", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0
