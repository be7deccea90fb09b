"""Memory stays flat however large the body and however slow the reader. Measured on a host process of its own."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from staging.scripted import Call, ScriptedUpstream
from staging.serving import request
from staging.wire import Wire

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")

HERE = Path(__file__).parent
SIZE = 200_000_000
PART = b"x" * 1_000_000
PAUSE_S = 0.5
GROWTH = 32_000_000


class Host:
    def __init__(self, upstream: ScriptedUpstream) -> None:
        environment = os.environ | {"PYTHONPATH": str(HERE.parents[1] / "proxy")}
        command = [sys.executable, str(HERE / "host_process.py"), str(upstream.endpoint.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def client(self) -> Wire:
        return Wire(socket.create_connection(("127.0.0.1", self.port)), deadline_s=30)

    def peak(self) -> int:
        """The largest resident memory so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1000

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def host(upstream: ScriptedUpstream) -> Iterator[Host]:
    def once(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"Connection: close")

    upstream.script = once
    host = Host(upstream)
    warm = host.client()
    warm.send(request())
    assert warm.response().status == 200
    warm.close()
    yield host
    host.stop()


def take(wire: Wire, size: int) -> int:
    """Read ``size`` bytes slowly: with a long pause after the first part."""
    wire.buffer, taken = b"", len(wire.buffer)
    threading.Event().wait(PAUSE_S)
    while taken < size and wire.fill():
        taken += len(wire.buffer)
        wire.buffer = b""
    return taken


@pytest.mark.parametrize("chunked", [False, True])
def test_upload_of_200_mb_to_a_slow_upstream(host: Host, upstream: ScriptedUpstream, *, chunked: bool) -> None:
    taken = []

    def script(call: Call) -> None:
        head = call.head()
        assert head is not None
        expected = SIZE + (SIZE // 1000 if chunked else 0)
        if chunked:
            threading.Event().wait(PAUSE_S)
            while (chunk := call.chunk()) != b"":
                assert chunk is not None
                taken.append(len(chunk))
        else:
            taken.append(take(call, expected))
        call.answer()

    upstream.script = script
    before, wire = host.peak(), host.client()
    wire.send(request("/api/x", "Transfer-Encoding: chunked" if chunked else f"Content-Length: {SIZE}", method="POST"))
    for _ in range(SIZE // len(PART)):
        wire.send(b"%x\r\n%b\r\n" % (len(PART), PART) if chunked else PART)
    wire.send(b"0\r\n\r\n" if chunked else b"")
    assert wire.response().status == 200
    assert sum(taken) == SIZE
    assert host.peak() - before < GROWTH
    wire.close()


def test_download_of_200_mb_to_a_slow_client(host: Host, upstream: ScriptedUpstream) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(PART)):
            call.send(PART)

    upstream.script = script
    before, wire = host.peak(), host.client()
    wire.send(request())
    assert wire.head() is not None
    assert take(wire, SIZE) == SIZE
    assert host.peak() - before < GROWTH
    wire.close()


def test_eight_uploads_at_once(host: Host, upstream: ScriptedUpstream) -> None:
    size = 20_000_000

    def script(call: Call) -> None:
        assert call.head() is not None
        assert take(call, size) == size
        call.answer()

    def upload() -> None:
        wire = host.client()
        wire.send(request("/api/x", f"Content-Length: {size}", method="POST"), b"x" * size)
        statuses.append(wire.response().status)
        wire.close()

    upstream.script = script
    before, statuses = host.peak(), []
    threads = [threading.Thread(target=upload) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 8
    assert host.peak() - before < 50_000_000
