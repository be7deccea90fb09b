"""Spoilt requests against a host, and what may come of them: an answer or a closed connection, and nothing else."""

import itertools
import json
import random
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

from mediabridge.proxy import Endpoint

from .mutations import spoilt
from .scripted import Call, ScriptedUpstream
from .wire import Wire

HANG_S = 5.0
QUIET_S = 0.12  # after which the client says that it has no more
TOKEN = "t" * 32
_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*")
_START = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ /[^\x00-\x20\x7f]* HTTP/1\.1")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)[ \r]")


class StrictUpstream(ScriptedUpstream):
    """Answers each request with its probe id, and notes all that a proxy must not let through."""

    def __init__(self) -> None:
        super().__init__(self._serve)
        self.wrong: list[str] = []
        self.fuzzed = Endpoint(port=self.endpoint.port, headers=((b"x-mediabridge-token", TOKEN.encode()),))

    def _serve(self, call: Call) -> None:
        call.sock.settimeout(600)  # idle connections of a pool are no hang
        while (block := call.until(b"\r\n\r\n")) is not None:
            start, *lines = block[:-4].split(b"\r\n")
            fields = [line.split(b":", 1) for line in lines]
            values: dict[bytes, list[bytes]] = {}
            for line, pair in zip(lines, fields, strict=True):
                if not _LINE.fullmatch(line):
                    self._note("a line that is no field", line)
                values.setdefault(pair[0].lower(), []).append(pair[-1].strip())
            self._judge(start, values)
            if not self._skip_body(call, values):
                return
            head_only = start.startswith(b"HEAD ")
            said = json.dumps({"probe": values.get(b"x-probe", [b""])[0].decode("latin-1")}).encode()
            call.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said), b"" if head_only else said)

    def _judge(self, start: bytes, values: dict[bytes, list[bytes]]) -> None:
        if not _START.fullmatch(start):
            self._note("a request line", start)
            return
        if b".." in start.split(b" ")[1].lower().replace(b"%2e", b".").split(b"?")[0].split(b"/"):
            self._note("a dot segment", start)
        if values.get(b"x-mediabridge-token") != [TOKEN.encode()]:
            self._note("a request that is not from the proxy", start)
        if len(values.get(b"content-length", ())) + len(values.get(b"transfer-encoding", ())) > 1:
            self._note("two framings", start)
        if len(values.get(b"host", ())) != 1:
            self._note("not one Host", start)
        for name in (b"connection", b"upgrade", b"keep-alive", b"proxy-connection", b"te"):
            if name in values:
                self._note("a hop-by-hop field", name)

    def _skip_body(self, call: Call, values: dict[bytes, list[bytes]]) -> bool:
        if b"transfer-encoding" in values:
            while (line := call.until(b"\r\n")) is not None:
                size = int(line.split(b";")[0], 16)
                if size == 0:
                    return self._skip_trailers(call)
                if not call.exactly(size + 2)[1]:
                    return False
            return False
        return call.exactly(int(values.get(b"content-length", [b"0"])[0]))[1]

    def _skip_trailers(self, call: Call) -> bool:
        while (line := call.until(b"\r\n")) not in (None, b"\r\n"):
            pass
        return line is not None

    def _note(self, what: str, where: bytes) -> None:
        self.wrong.append(f"{what}: {where[:120]!r}")


@dataclass
class Result:
    """What came of the requests of one run."""

    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def run(
    port: int, upstream: StrictUpstream, count: int, seed: int, step: Callable[[int], None] = lambda _: None
) -> Result:
    """Send ``count`` spoilt requests to the host, a probe after each. ``wrong`` is what must not have happened."""
    result, lock, done = Result(), threading.Lock(), itertools.count(1)
    local = threading.local()
    probers: list[Prober] = []

    def one(number: int) -> None:
        if not hasattr(local, "prober"):
            local.prober = Prober(port)
            probers.append(local.prober)
        request = spoilt(random.Random(f"{seed}/{number}"))
        begun = monotonic()
        problem = ""
        try:
            end = _send(port, request)
            local.prober.probe(f"{seed}-{number}")
        except TimeoutError:
            end, problem = "hang", f"no end within {HANG_S:g} s"
        except AssertionError as error:
            end, problem = "wrong", str(error)
        with lock:
            result.ends[end] += 1
            result.slowest_s = max(result.slowest_s, monotonic() - begun)
            if problem:
                result.wrong.append(f"request {number}: {problem}; it was {request[:300]!r}")
        step(next(done))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(count)))
    for prober in probers:
        prober.close()
    result.wrong += upstream.wrong
    return result


def _send(port: int, request: bytes) -> str:
    """Send it, read what comes; afterwards close our direction and wait for the end."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(HANG_S)
        with suppress(ConnectionError):
            sock.sendall(request)
        received = _read(sock, QUIET_S)
        with suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        received += _read(sock, HANG_S, must_end=True)
    if not received:
        return "closed"
    status = _STATUS.match(received)
    assert status, f"what came is no answer: {received[:100]!r}"
    assert b"Traceback" not in received, "a traceback in an answer"
    finals = [code for code in _STATUS.findall(received) if code != b"100"]
    return f"{finals[0][:1].decode()}xx" if finals else "closed"


def _read(sock: socket.socket, timeout_s: float, *, must_end: bool = False) -> bytes:
    sock.settimeout(timeout_s)
    received = b""
    try:
        while data := sock.recv(65536):
            received += data
    except ConnectionError:
        pass
    except TimeoutError:
        if must_end:
            raise
    return received


class Prober:
    """A client of good manners, whose answers must be its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._wire: Wire | None = None

    def probe(self, name: str) -> None:
        """Ask, on a connection that is kept. Raises ``AssertionError`` when the answer is somebody else's."""
        body = f"{name}!".encode()
        head = f"POST /api/probe HTTP/1.1\r\nHost: a\r\nX-Probe: {name}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        if self._wire is not None and self._has_news():
            self.close()
        if self._wire is None:
            self._wire = Wire(socket.create_connection(("127.0.0.1", self._port)), deadline_s=HANG_S)
        self._wire.send(head, body)
        answer = self._wire.response()
        assert answer.status == 200, f"the next request got {answer.status}: {answer.body[:200]!r}"
        assert json.loads(answer.body) == {"probe": name}, f"the next request got another's answer: {answer.body!r}"
        if answer.get("connection") == "close":
            self.close()

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _has_news(self) -> bool:
        """Whether the host has closed the connection since."""
        assert self._wire is not None
        self._wire.sock.setblocking(False)
        try:
            return bool(self._wire.buffer) or self._wire.sock.recv(1) is not None
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        finally:
            self._wire.sock.settimeout(HANG_S)
