"""The stages of the suite: the same verbs on a client, a host and an upstream, whoever the host is."""

import contextlib
import json
import queue
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from staging.scripted import Script, ScriptedUpstream, always_ok
from staging.serving import ROUTES, Server, Stage, request
from staging.waitress_stage import WsgiStage
from staging.wire import DEADLINE_S, Message, Wire

from mediabridge.proxy import Endpoint, Limits, Routes, Unavailable

ROOT = Path(__file__).parents[2]
AWAY = {"message": "It was killed by SIGKILL.", "suggestion": "Run: mediabridge doctor", "retryAfter": 2}
WHY = {"state": "failed", "why": "gave_up"}
_UNAVAILABLE = "Flask server unavailable"


class UvicornStage(Stage):
    """Client, uvicorn, the ASGI proxy, upstream."""

    def __init__(self, server: Server, upstream: ScriptedUpstream) -> None:
        super().__init__(server, upstream)

    def be_away(self) -> None:
        """The sidecar is not ready, in the words of ``AWAY``."""
        be_away(self.fake)

    def go_to(self, endpoint: Endpoint) -> None:
        """Another upstream than the scripted one."""
        self.fake.be_ready(endpoint)

    def eat_bodies(self) -> None:
        """A middleware in front reads the body before the proxy can."""
        inner = self.proxy

        async def greedy(scope: Any, receive: Any, send: Any) -> None:
            assert not (await receive()).get("more_body")  # so short a body comes in one part
            await inner(scope, receive, send)

        self.server.app = greedy


class WaitressStage(WsgiStage):
    """Client, waitress, the WSGI proxy, upstream."""

    def be_away(self) -> None:
        """The sidecar is not ready, in the words of ``AWAY``."""
        be_away(self.fake)

    def go_to(self, endpoint: Endpoint) -> None:
        """Another upstream than the scripted one."""
        self.fake.be_ready(endpoint)

    def eat_bodies(self) -> None:
        """A middleware in front reads the body before the proxy can."""
        inner = self.wsgi

        def greedy(environ: Any, start_response: Any) -> Any:
            environ["wsgi.input"].read()
            return inner(environ, start_response)

        self.server.app = greedy  # type: ignore[assignment]


def be_away(fake: Any) -> None:
    fake.be_away(Unavailable(_UNAVAILABLE, AWAY["message"], AWAY["suggestion"], AWAY["retryAfter"], WHY))


class NodeHost:
    """The Node process with Express 5."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("express_host.mjs")
        self.process = subprocess.Popen(
            ["node", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._replies: queue.Queue[dict[str, Any]] = queue.Queue()
        self.events: queue.Queue[SimpleNamespace] = queue.Queue()
        self.errors: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            said = json.loads(line)
            if "event" in said:
                self.events.put(SimpleNamespace(**said["event"]))
            else:
                self._replies.put(said)

    def _read_errors(self) -> None:
        self.errors.extend(self.process.stderr)

    def tell(self, command: str, **more: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self.process.stdin.write(json.dumps({"command": command, **more}) + "\n")
        self.process.stdin.flush()
        try:
            return self._replies.get(timeout=DEADLINE_S)
        except queue.Empty:
            raise AssertionError(f"Node does not answer: {self.errors}") from None

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            assert self.process.wait(DEADLINE_S) == 0, self.errors
        finally:
            self.process.kill()
            for reader in self._readers:
                reader.join(DEADLINE_S)
            self.process.stdout.close()
            self.process.stderr.close()
        assert not self.errors, self.errors


class RawStage:
    """What the stages without a Python server share."""

    port: int

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream
        self._clients: list[Wire] = []

    def client(self) -> Wire:
        wire = Wire(socket.create_connection(("127.0.0.1", self.port)))
        self._clients.append(wire)
        return wire

    def ask(self, target: str = "/api/x", *headers: str, method: str = "GET", body: bytes = b"") -> Message:
        wire = self.client()
        wire.send(request(target, *headers, method=method), body)
        response = wire.response(method)
        wire.close()
        return response

    def close(self) -> None:
        for wire in self._clients:
            wire.close()
        self.upstream.close()


class DirectStage(RawStage):
    """Client and upstream, and nobody between."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        super().__init__(upstream)
        self.port = upstream.endpoint.port

    def set_up(self, script: Script = always_ok, **_: Any) -> None:
        self.upstream.script = script


class ExpressStage(RawStage):
    """Client, Express 5 with the adapter in one of its ways, upstream."""

    def __init__(self, node: NodeHost, upstream: ScriptedUpstream, way: str) -> None:
        super().__init__(upstream)
        self._node = node
        self._way = way
        with contextlib.suppress(queue.Empty):
            while True:
                node.events.get_nowait()
        self.set_up()

    def set_up(
        self,
        script: Script = always_ok,
        *,
        limits: Limits | None = None,
        trusted: Any = (),
        routes: Routes = ROUTES,
        parsed: bool = False,
    ) -> None:
        self.upstream.script = script
        self._again = {"limits": limits, "trusted": trusted, "routes": routes}
        options = {"routes": routes.prefixes, "trusted": list(trusted), **_options(limits or Limits())}
        told = self._node.tell("setUp", way=self._way, parsed=parsed, options=options)
        self.port = told["port"]
        self.go_to(self.upstream.endpoint)

    def go_to(self, endpoint: Endpoint) -> None:
        """Another upstream than the scripted one. The only header that the adapter adds is the token's."""
        token = dict(endpoint.headers).get(b"x-mediabridge-token", b"").decode() or None
        self._node.tell("ready", url=f"http://{endpoint.host}:{endpoint.port}", token=token)

    def be_away(self) -> None:
        """The sidecar is not ready, in the words of ``AWAY``."""
        failure = {
            "kind": "killed",
            "error": _UNAVAILABLE,
            "message": AWAY["message"],
            "suggestion": AWAY["suggestion"],
        }
        self._node.tell("away", status={**WHY, "failure": failure, "retryAfterSeconds": AWAY["retryAfter"]})

    def eat_bodies(self) -> None:
        """`express.json()` stands before the proxy."""
        self.set_up(self.upstream.script, **self._again, parsed=True)

    def event(self) -> SimpleNamespace:
        return self._node.events.get(timeout=DEADLINE_S)

    def close(self) -> None:
        for wire in self._clients:
            wire.close()
        problems = self._node.tell("close")["problems"]
        self.upstream.close()
        assert not problems, problems


def _options(limits: Limits) -> dict[str, Any]:
    """Our limits in the adapter's words."""
    names = {
        "connect_s": "connectMs", "continue_s": "continueMs", "first_byte_s": "firstByteMs", "idle_s": "idleMs",
        "client_idle_s": "clientIdleMs", "pool_idle_s": "poolIdleMs",
    }  # fmt: skip
    timeouts = {theirs: getattr(limits, ours) * 1000 for ours, theirs in names.items()}
    return {"timeouts": timeouts, "maxBodyBytes": limits.max_body, "poolSize": limits.pool_size}


def need_express() -> None:
    """Skip where the Node side is not installed."""
    if shutil.which("node") is None:
        pytest.skip("node is not on PATH")
    if not (ROOT / "express" / "node_modules" / "express5").is_dir():
        pytest.skip("express/node_modules is missing: npm install in express/")
