"""The short form of `make fuzz-proxy`: spoilt requests end in an answer or a closed connection, on each host."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from staging import fuzz

from mediabridge.proxy import Limits


@pytest.mark.parametrize("host", ["uvicorn", "waitress", "express"])
def test_spoilt_requests_harm_nobody(on: Callable[[str], Any], host: str, caplog: pytest.LogCaptureFixture) -> None:
    upstream = fuzz.StrictUpstream()
    stage = on(host)
    stage.set_up(limits=Limits(max_body=1 << 20, continue_s=0.2))
    stage.go_to(upstream.fuzzed)
    caplog.set_level(logging.WARNING)
    try:
        result = fuzz.run(stage_port(stage), upstream, 160, seed=len(host))
    finally:
        upstream.close()
    assert not result.wrong, result.wrong[:5]
    assert result.ends["2xx"] > 10
    assert result.ends["4xx"] > 10


def stage_port(stage: Any) -> int:
    wire = stage.client()
    port: int = wire.sock.getpeername()[1]
    wire.close()
    return port
