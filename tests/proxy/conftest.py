import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from staging.scripted import ScriptedUpstream
from staging.serving import Server, Stage

from mediabridge.host.joined import JoinedProtocol

from .content import Content


@pytest.fixture(scope="session", params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """uvicorn as our own host runs it on uvloop, and as others may on asyncio."""
    server = Server(loop=request.param, http=JoinedProtocol if request.param == "uvloop" else "httptools")
    yield server
    server.stop()


@pytest.fixture
def h11_server() -> Iterator[Server]:
    server = Server(http="h11")
    yield server
    server.stop()


@pytest.fixture
def stage(server: Server, caplog: pytest.LogCaptureFixture) -> Iterator[Stage]:
    """Client, uvicorn, proxy and upstream; afterwards the log must hold no error and no traceback."""
    caplog.set_level(logging.INFO)
    stage = Stage(server, ScriptedUpstream())
    yield stage
    stage.close()
    assert_clean(caplog)


@pytest.fixture
def content(stage: Stage) -> Content:
    """For the cache no time goes by, until a test says so: what is fresh stays so, however slow the machine."""
    content = Content()
    stage.set_up(content)
    now_s = time.monotonic()
    stage.proxy._cached.cache.clock = lambda: now_s
    return content


@pytest.fixture
def h11_stage(h11_server: Server, caplog: pytest.LogCaptureFixture) -> Iterator[Stage]:
    stage = Stage(h11_server, ScriptedUpstream())
    yield stage
    stage.close()
    assert_clean(caplog)


@pytest.fixture
def uds_stage(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Stage]:
    stage = Stage(server, ScriptedUpstream(uds=tmp_path / "s"))
    yield stage
    stage.close()
    assert_clean(caplog)


def assert_clean(caplog: pytest.LogCaptureFixture) -> None:
    records = [r for phase in ("setup", "call") for r in caplog.get_records(phase)]
    bad = [r.getMessage() for r in records if r.exc_info or r.levelno >= logging.ERROR]
    assert not bad, bad
