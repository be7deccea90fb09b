"""What the protocol of `dev` and `serve` answers to bytes that are no request."""

from __future__ import annotations

import json
import socket

import pytest
from staging.serving import Server
from staging.wire import Wire

from mediabridge.host.joined import JoinedProtocol


@pytest.mark.parametrize("sent", [b"GET /cache/\xc3\xbc HTTP/1.1\r\nHost: a\r\n\r\n", b"hello\r\n\r\n"])
def test_what_is_no_http_gets_the_error_of_the_contract(sent: bytes) -> None:
    server = Server(loop="uvloop", http=JoinedProtocol)
    try:
        wire = Wire(socket.create_connection(("127.0.0.1", server.port)))
        wire.send(sent)
        answer = wire.response()
        told = json.loads(answer.body)
        assert (answer.status, told["status"], told["code"]) == (400, 400, "invalid_request")
        assert told["requestId"] == answer.get("x-request-id")
        assert "percent-encode" in told["suggestion"]
        wire.close()
    finally:
        server.stop()
