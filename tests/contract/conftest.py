"""Each host is started once, at the first case that needs it; each case has a stage of its own."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from staging.scripted import ScriptedUpstream
from staging.serving import Server
from staging.waitress_stage import WaitressServer

from .case import DIRECT
from .stages import DirectStage, ExpressStage, NodeHost, UvicornStage, WaitressStage, need_express


@pytest.fixture(scope="session")
def uvicorn_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def waitress_server() -> Iterator[WaitressServer]:
    server = WaitressServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def node() -> Iterator[NodeHost]:
    need_express()
    node = NodeHost()
    yield node
    node.stop()


@pytest.fixture
def on(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[str], Any]]:
    """Builds the stage of a host by name; afterwards the log must hold no error and no traceback."""
    caplog.set_level(logging.INFO)
    built: list[Any] = []

    def build(host: str) -> Any:
        stage = stage_of(host, request)
        stage.may_log_errors = False
        built.append(stage)
        return stage

    yield build
    for stage in built:
        stage.close()
    if any(stage.may_log_errors for stage in built):
        return
    records = [record for phase in ("setup", "call") for record in caplog.get_records(phase)]
    bad = [record.getMessage() for record in records if record.exc_info or record.levelno >= logging.ERROR]
    assert not bad, bad


def stage_of(host: str, request: pytest.FixtureRequest) -> Any:
    if host == "uvicorn":
        return UvicornStage(request.getfixturevalue("uvicorn_server"), ScriptedUpstream())
    if host == "waitress":
        return WaitressStage(request.getfixturevalue("waitress_server"), ScriptedUpstream())
    if host == DIRECT:
        return DirectStage(ScriptedUpstream())
    way = host.partition("-")[2] or "attached"
    return ExpressStage(request.getfixturevalue("node"), ScriptedUpstream(), way)
