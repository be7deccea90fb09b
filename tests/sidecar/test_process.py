"""The process: its start, its contract with the bridge, its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest


@pytest.fixture
def start(start_sidecar: Any, stand_in: Path) -> Any:
    """Starts sidecars with the stand-in for ExifTool."""

    def run(**settings: Any) -> Any:
        return start_sidecar(**{"EXIFTOOL_PATH": str(stand_in), **settings})

    return run


def post(form: Any, name: str, content: bytes = b"x") -> bytes:
    body, kind = form([("file", name, content)])
    head = f"POST /api/extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def send(sidecar: Any, form: Any, name: str) -> socket.socket:
    """A client that has sent a file and waits for the answer."""
    sock: socket.socket = sidecar.connect(30)
    sock.sendall(post(form, name))
    return sock


def rest(sock: socket.socket) -> bytes:
    with sock:
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_it_is_ready_soon(start: Any) -> None:
    begin = time.monotonic()
    sidecar = start()
    assert sidecar.healthy()
    assert time.monotonic() - begin < 3  # 0.3 to 0.4 s on an idle machine


def test_readiness_does_not_wait_for_exiftool_and_health_tells_the_truth(
    start: Any, tmp_path: Path, until: Any
) -> None:
    late = tmp_path / "late"
    late.write_text(f'#!/bin/sh\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.05; done\nexec exiftool "$@"\n', "utf-8")
    late.chmod(0o755)
    sidecar = start(EXIFTOOL_PATH=str(late), EXTRACT_HEALTH_TIMEOUT="1")
    assert sidecar.get("/health").json["engine"] == "starting"
    found = sidecar.get("/api/extract/health")
    assert (found.status, found.json["status"], "starting" in found.json["reason"]) == (200, "degraded", True)
    (tmp_path / "go").touch()
    until(lambda: sidecar.get("/health").json["engine"] in {"ready", "down"})


def test_the_nonce_is_given_back_with_the_pid(start: Any) -> None:
    sidecar = start(MEDIABRIDGE_NONCE="n-1")
    found = sidecar.get("/health").json
    assert (found["nonce"], found["pid"]) == ("n-1", sidecar.process.pid)


def test_exiftool_inherits_the_nonce_but_not_the_token(start: Any, until: Any) -> None:
    sidecar = start(token="s3cret", MEDIABRIDGE_NONCE="n-1")
    (tool,) = until(lambda: sidecar.tools)
    environment = until(tool.environ)
    assert environment["MEDIABRIDGE_NONCE"] == "n-1"
    assert "s3cret" not in str(environment)


def test_it_serves_on_every_socket_that_it_inherits_tcp_or_unix(start: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as second:
        second.bind(path)
        second.listen()
        sidecar = start(listeners=[second])
    assert sidecar.get("/health").status == 200
    sidecar.path = path
    assert sidecar.get("/health").json["pid"] == sidecar.process.pid
    assert sidecar.extract("a.gif", b"x").status == 200
    assert sidecar.stop() == 0
    assert Path(path).exists()  # it is the bridge's


def test_it_binds_a_unix_socket_and_removes_it_at_the_end(start: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    sidecar = start(inherit=False, FLASK_SOCKET=path)
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert sidecar.extract("a.gif", b"x").status == 200
    assert sidecar.stop() == 0
    assert not Path(path).exists()


def test_a_socket_file_that_nobody_listens_on_is_replaced(start: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
    assert start(inherit=False, FLASK_SOCKET=path).get("/health").status == 200


def test_without_an_inherited_socket_it_binds_its_own(start: Any) -> None:
    sidecar = start(inherit=False)
    assert sidecar.get("/health").status == 200
    assert f"http://127.0.0.1:{sidecar.port}" in sidecar.log


def test_a_port_in_use_is_told_in_one_line(start: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sidecar = start(inherit=False, FLASK_PORT=str(port), wait=False)
        assert sidecar.process.wait(10) == 1
    assert re.fullmatch(rf"\S+ ERROR .*cannot listen on 127\.0\.0\.1:{port}: Address already in use.*\n", sidecar.log)


@pytest.mark.parametrize("descriptor", ["x", "977"])
def test_a_descriptor_that_is_no_socket_is_told_in_one_line(start: Any, descriptor: str) -> None:
    sidecar = start(inherit=False, MEDIABRIDGE_LISTEN_FD=descriptor, wait=False)
    assert sidecar.process.wait(10) == 1
    assert "MEDIABRIDGE_LISTEN_FD" in sidecar.log
    assert len(sidecar.log.splitlines()) == 1


def test_an_invalid_setting_is_one_warning_and_its_default_holds(start: Any) -> None:
    sidecar = start(inherit=False, EXTRACT_TIMEOUT="soon")
    assert sidecar.healthy()
    assert len(re.findall(r"WARNING .*EXTRACT_TIMEOUT='soon'.*180", sidecar.log)) == 1


def test_production_is_quiet(start: Any) -> None:
    sidecar = start(FLASK_ENV="production")
    assert sidecar.extract("a.gif", b"x").status == 200
    assert sidecar.extract("a.gif", b"").status == 400
    assert sidecar.stop() == 0
    assert sidecar.log == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start: Any, until: Any, number: int) -> None:
    sidecar = start()
    assert sidecar.extract("a.gif", b"x").status == 200
    tools = sidecar.tools
    assert len(sidecar.folders) == 1
    assert sidecar.stop(number) == 0
    assert "Traceback" not in sidecar.log
    assert sidecar.folders == []
    until(lambda: not any(tool.is_running() for tool in tools))


def test_a_request_in_flight_is_finished(start: Any, form: Any, until: Any) -> None:
    sidecar = start()
    with send(sidecar, form, "a.slow") as sock:
        until(lambda: sidecar.uploads)
        sidecar.process.send_signal(signal.SIGTERM)
        answer = rest(sock)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"}\n")
    assert sidecar.process.wait(5) == 0


def test_an_upload_that_still_arrives_is_finished(start: Any, form: Any, until: Any) -> None:
    sidecar = start()
    data = post(form, "a.gif", bytes(1000))
    with sidecar.connect() as sock:
        sock.sendall(data[:-500])
        until(lambda: sidecar.get("/health").status == 200)  # so the server has seen the half of it
        sidecar.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in sidecar.log)
        sock.sendall(data[-500:])
        assert rest(sock).startswith(b"HTTP/1.1 200 OK")
    assert sidecar.process.wait(5) == 0


def test_nobody_new_is_let_in_while_it_stops(start: Any, form: Any, until: Any) -> None:
    sidecar = start(inherit=False)
    with send(sidecar, form, "a.slow") as sock:
        until(lambda: sidecar.uploads)
        sidecar.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in sidecar.log)
        with pytest.raises(ConnectionError):
            sidecar.get("/health")
        assert rest(sock).startswith(b"HTTP/1.1 200 OK")


def test_an_idle_connection_does_not_hold_it_up(start: Any) -> None:
    sidecar = start()
    with sidecar.connect() as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
        begin = time.monotonic()
        assert sidecar.stop() == 0
        assert time.monotonic() - begin < 2


def test_what_takes_too_long_is_cut_off_in_time_with_words(start: Any, form: Any, until: Any) -> None:
    sidecar = start(FLASK_SHUTDOWN_TIMEOUT="1200")
    with send(sidecar, form, "a.hang") as sock:
        until(lambda: sidecar.uploads)
        begin = time.monotonic()
        sidecar.process.send_signal(signal.SIGTERM)
        answer = rest(sock)
    assert sidecar.process.wait(5) == 0
    assert 0.6 < time.monotonic() - begin < 3
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"sidecar_unavailable" in answer
    assert sidecar.folders == []
    assert "Traceback" not in sidecar.log


def test_a_second_signal_cuts_short(start: Any, form: Any, until: Any) -> None:
    sidecar = start(FLASK_SHUTDOWN_TIMEOUT="60000")
    with send(sidecar, form, "a.hang"):
        until(lambda: sidecar.uploads)
        sidecar.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in sidecar.log)
        begin = time.monotonic()
        assert sidecar.stop() == 0
        assert time.monotonic() - begin < 3


def test_killed_in_the_middle_it_leaves_a_folder_and_the_next_start_sweeps_it(
    start: Any, form: Any, until: Any, tmp_path: Path
) -> None:
    temp = tmp_path / "common"
    first = start(TMPDIR=str(temp))
    with send(first, form, "a.hang"):
        until(lambda: first.uploads)
        tools = first.tools
        assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    assert len(first.uploads) == 1
    until(lambda: not any(tool.is_running() and tool.status() != psutil.STATUS_ZOMBIE for tool in tools))
    second = start(TMPDIR=str(temp))
    assert second.healthy()
    assert second.uploads == []
    assert len(second.folders) == 1
    assert "did not end cleanly" in second.log


def test_a_second_sidecar_leaves_the_first_ones_files_alone(start: Any, form: Any, until: Any, tmp_path: Path) -> None:
    temp = str(tmp_path / "common")
    first = start(TMPDIR=temp)
    with send(first, form, "a.hang"):
        until(lambda: first.uploads)
        second = start(TMPDIR=temp)
        assert len(first.uploads) == 1
        assert len(second.folders) == 2


def test_exiftool_killed_while_it_reads_is_an_error_and_the_next_file_is_read(
    start_sidecar: Any, exiftool: Path, make_jpeg: Any, until: Any
) -> None:
    sidecar = start_sidecar()
    assert sidecar.extract("a.jpg", make_jpeg()).status == 200
    (tool,) = sidecar.tools
    tool.suspend()
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(sidecar.extract("b.jpg", make_jpeg("Nikon"))))
    thread.start()
    until(lambda: sidecar.uploads)
    until(lambda: sidecar.get("/health").status == 200)
    os.kill(tool.pid, signal.SIGKILL)
    thread.join(10)
    assert answers[0].status in {500, 200}  # 200: it had not been sent to the process yet
    assert sidecar.extract("c.jpg", make_jpeg("Fuji")).json["metadata"]["EXIF"]["Make"] == "Fuji"


def test_a_bug_is_answered_without_its_traceback_and_logged_with_it(start: Any, tmp_path: Path, until: Any) -> None:
    sidecar = start()
    folder = sidecar.folders[0]
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()  # nobody expects that
    answer = sidecar.extract("a.gif", b"x", {"X-Request-ID": "bug-1"})
    assert (answer.status, answer.json["code"], answer.json["requestId"]) == (500, "internal_error", "bug-1")
    assert "Traceback" not in answer.body.decode()
    assert "FileNotFoundError" not in answer.body.decode()
    until(lambda: "FileNotFoundError" in sidecar.log)
    assert re.search(r"ERROR .*unexpected error in POST /api/extract \[bug-1\] .*\n  \| Traceback", sidecar.log)
