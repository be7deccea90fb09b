"""Asks the sidecar for its health and checks that it is really ours that answers."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

TOKEN_HEADER = "X-Mediabridge-Token"  # noqa: S105  the header's name, not a token
BODY_LIMIT = 65536


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """Where and what to ask. `expect` are fields that the JSON answer must hold; `nonce` must come back when set."""

    host: str
    port: int
    uds: str | None = None
    path: str = "/health"
    token: str = ""
    nonce: str | None = None
    expect: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one probe; `reason` says in words why it is not well."""

    ok: bool
    reason: str = ""
    pid: int | None = None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file instead of host and port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def probe(target: ProbeTarget, timeout_s: float) -> Answer:
    """One GET of the health path. Never raises for what a child or a stranger may do."""
    connection = (
        _UnixConnection(target.uds, timeout_s)
        if target.uds
        else http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
    )
    try:
        connection.request("GET", target.path, headers={TOKEN_HEADER: target.token, "Connection": "close"})
        response = connection.getresponse()
        body = response.read(BODY_LIMIT)
    except TimeoutError:
        return Answer(ok=False, reason=f"no answer within {timeout_s:g} s")
    except (OSError, http.client.HTTPException) as problem:
        return Answer(ok=False, reason=f"{type(problem).__name__}: {problem}")
    finally:
        connection.close()
    return judge(target, response.status, body)


def judge(target: ProbeTarget, status: int, body: bytes) -> Answer:
    """Whether this answer is that of a healthy sidecar of this very launch."""
    if status != http.client.OK:
        return Answer(ok=False, reason=f"{target.path} answered with status {status}")
    if target.nonce is None and not target.expect:
        return Answer(ok=True)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return Answer(ok=False, reason=f"{target.path} did not answer with a JSON object")
    if target.nonce is not None and content.get("nonce") != target.nonce:
        return Answer(ok=False, reason="another program answers there, or an older start of this one")
    wrong = [name for name, value in target.expect.items() if content.get(name) != value]
    if wrong:
        return Answer(ok=False, reason=f"{target.path} answered with another {', '.join(wrong)}")
    pid = content.get("pid")
    return Answer(ok=True, pid=pid if type(pid) is int and pid > 0 else None)
