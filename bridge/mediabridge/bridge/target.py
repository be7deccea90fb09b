"""What the bridge runs: a module, a script or a WSGI application, and the way its health is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from . import wsgi_runner

Kind = Literal["module", "script", "wsgi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A Python sidecar; make one with `module`, `script` or `wsgi`.

    `health_path` is asked until it answers 200 (None: alive is ready); `expect` are fields that its JSON must hold;
    with `echoes_nonce` it must also give back `MEDIABRIDGE_NONCE` as `nonce`, which proves that this launch answers.
    `takes_socket`: it serves on the inherited descriptors that `MEDIABRIDGE_LISTEN_FD` lists, with commas between them;
    otherwise it binds `FLASK_HOST` and `FLASK_PORT` of its environment itself. `own_interpreter` prefers the
    interpreter that runs the bridge.
    """

    kind: Kind
    name: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    health_path: str | None = "/health"
    expect: Mapping[str, object] = field(default_factory=dict)
    echoes_nonce: bool = False
    takes_socket: bool = False
    own_interpreter: bool = False

    def command(self, python: str) -> list[str]:
        """The command line under that interpreter."""
        if self.kind == "wsgi":
            return [python, str(Path(wsgi_runner.__file__)), self.name, self.health_path or "/health", *self.args]
        return [python, *(("-m",) if self.kind == "module" else ()), self.name, *self.args]


def module(name: str, *args: str, **options: object) -> Target:
    """`python -m name args…`; `options` are the fields of `Target`."""
    return Target(kind="module", name=name, args=args, **options)  # type: ignore[arg-type]  # checked by the dataclass


def script(path: str, *args: str, **options: object) -> Target:
    """`python path args…`; `options` are the fields of `Target`."""
    return Target(kind="script", name=path, args=args, **options)  # type: ignore[arg-type]


def wsgi(application: str, **options: object) -> Target:
    """`package.module:application`, served by waitress (which that interpreter must have) on the held socket.

    The bridge's runner answers the readiness route itself, before the application.
    """
    options = {"echoes_nonce": True, "takes_socket": True, **options}
    return Target(kind="wsgi", name=application, **options)  # type: ignore[arg-type]


SIDECAR = module(
    "mediabridge.sidecar", expect={"status": "ok"}, echoes_nonce=True, takes_socket=True, own_interpreter=True
)
WORKER = module(
    "mediabridge.sidecar.jobs.worker",
    "--handlers",
    "mediabridge.sidecar.work:handlers",
    health_path=None,
    own_interpreter=True,
)
