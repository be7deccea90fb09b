"""The events of `docs/events.md`: each appears when what it stands for happens, as one line, in both forms."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar import logs, requestid
from mediabridge.sidecar.events import emit

ROOT = Path(__file__).parents[2]
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def entries(sidecar: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in sidecar.log.splitlines()]


def events(sidecar: Any) -> set[str]:
    return {entry["event"] for entry in entries(sidecar)}


@pytest.fixture
def talking(start_sidecar: Any, stand_in: Path) -> Any:
    """A sidecar in production mode that tells everything."""
    return start_sidecar(
        EXIFTOOL_PATH=str(stand_in), FLASK_ENV="production", LOG_LEVEL="info", EXTRACT_TIMEOUT="1",
        EXTRACT_RECYCLE_FILES="2",
    )  # fmt: skip


def test_every_event_is_in_the_table_and_every_row_is_an_event() -> None:
    told = set(re.findall(r"^\| `([a-z.]+)` \|", (ROOT / "docs" / "events.md").read_text("utf-8"), re.MULTILINE))
    emitted = {"log"}
    for file in (ROOT / "sidecar").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                emitted |= set(
                    re.findall(
                        r"^(?:sidecar|process|engine|extraction|performance|storage|request|security|error|job|worker)\.[a-z]+$",
                        node.value,
                    )
                )
    assert emitted == told


def test_the_life_of_processes_and_files(talking: Any, until: Callable[..., Any]) -> None:
    talking.extract("a.gif", b"a", {"X-Request-ID": "good-1"}, tier="free")
    talking.extract("b.gif", b"b")
    until(lambda: "process.recycled" in events(talking))
    talking.extract("c.die", b"c", {"X-Request-ID": "bad-1"})
    talking.extract("d.hang", b"d")
    assert talking.stop(signal.SIGTERM) == 0
    seen = events(talking)
    assert seen >= {
        "sidecar.ready", "sidecar.stopping", "process.spawned", "process.worn", "process.recycled", "process.died",
        "process.hung", "process.ended", "extraction.done", "extraction.failed", "request.finished",
    }  # fmt: skip
    by_event = {(entry["event"], entry["requestId"]): entry for entry in entries(talking)}
    done = by_event["extraction.done", "good-1"]
    assert done["data"] | {"mimeType": "image/gif", "size": 1, "tier": "free", "cached": False} == done["data"]
    assert done["data"]["elapsedMs"] > 0
    assert by_event["process.died", "bad-1"]["data"] == {"how": "killed by SIGKILL"}
    assert by_event["extraction.failed", "bad-1"]["data"]["code"] == "internal_error"
    assert by_event["request.finished", "bad-1"]["data"]["status"] == 500
    for entry in entries(talking):
        assert re.fullmatch(MOMENT, entry["time"])
        assert entry["pid"] == talking.process.pid
        assert entry.keys() >= {"level", "logger", "event", "requestId", "message", "data"}
    assert not re.search(r"[abcd]\.(gif|die|hang)", talking.log)  # names are the client's affair


def test_what_is_refused(start_sidecar: Any, stand_in: Path, until: Callable[..., Any]) -> None:
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), FLASK_ENV="production", LOG_LEVEL="info", token="s3cret")
    assert sidecar.raw(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 403")
    assert b" 400 " in sidecar.raw(b"nonsense\r\n\r\n")[:20]
    until(lambda: {"security.refused", "request.refused"} <= events(sidecar))
    (refused,) = [entry for entry in entries(sidecar) if entry["event"] == "security.refused"]
    assert (refused["level"], refused["data"]["path"]) == ("warning", "/x")
    assert "s3cret" not in sidecar.log


def test_a_missing_tool_is_told_in_production(start_sidecar: Any, tmp_path: Path, until: Callable[..., Any]) -> None:
    sidecar = start_sidecar(EXIFTOOL_PATH=str(tmp_path / "none"), FLASK_ENV="production")
    until(lambda: "engine.off" in events(sidecar))
    assert {entry["level"] for entry in entries(sidecar)} <= {"warning", "error"}  # production says no more


def test_waiting_and_slowness(start_sidecar: Any, stand_in: Path, form: Any, until: Callable[..., Any]) -> None:
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), FLASK_ENV="production", LOG_LEVEL="info")
    body, kind = form([("files", f"{number}.slow", bytes([number])) for number in range(3)], {})
    assert sidecar.request("POST", "/api/extract/batch", body, {"Content-Type": kind}).json["failed"] == 0
    (queued, *_) = [entry for entry in entries(sidecar) if entry["event"] == "performance.queued"]
    assert queued["data"]["elapsedMs"] > 1000


@pytest.fixture
def lines() -> Iterator[Callable[..., list[str]]]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()

    def told(**form: Any) -> list[str]:
        logs.configure("production", stream, level="debug", **form)
        return stream.getvalue().splitlines()

    yield told
    root.handlers[:] = before
    root.setLevel(level)


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@given(message=TEXT, key=st.sampled_from(["a", "b"]), value=st.one_of(TEXT, st.integers(), st.none(), st.booleans()))
def test_whatever_is_logged_is_one_line_in_both_forms(message: str, key: str, value: object) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (message,), None)
    record.event, record.data = "process.spawned", {key: value}
    human, machine = logs.Human().format(record), logs.Json().format(record)
    assert not CONTROL.search(human + machine)
    assert "\n" not in human + machine
    assert re.match(rf"{MOMENT} INFO x: ", human)
    assert f"pid={os.getpid()} event=process.spawned {key}=" in human
    found = json.loads(machine)
    assert (found["message"], found["data"], found["event"]) == (message, {key: value}, "process.spawned")


def test_a_traceback_is_a_field_for_machines_and_marked_lines_for_people(lines: Any) -> None:
    log = logging.getLogger("mediabridge.sidecar.test")
    token = requestid.current.set("id-7")
    try:
        for human in (False, True):
            lines(human=human)
            emit(
                log, logging.ERROR, "error.unexpected", "a bug", trace=ZeroDivisionError("x"), kind="ZeroDivisionError"
            )
    finally:
        requestid.current.reset(token)
    machine, human, *trace = lines()
    found = json.loads(machine)
    assert (found["requestId"], found["level"], found["data"]) == ("id-7", "error", {"kind": "ZeroDivisionError"})
    assert "ZeroDivisionError: x" in found["traceback"]
    assert "a bug [id-7] pid=" in human
    assert all(line.startswith("  | ") for line in trace)
    assert trace[-1].endswith("ZeroDivisionError: x")


def test_a_line_of_a_library_is_an_event_as_well(lines: Any) -> None:
    lines()
    logging.getLogger("elsewhere").warning("%d things", 2)
    found = json.loads(lines()[-1])
    assert (found["event"], found["message"], found["logger"], found["data"]) == ("log", "2 things", "elsewhere", {})
