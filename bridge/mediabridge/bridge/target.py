"""What the bridge runs: a module, with its arguments, environment and the way its health is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A Python sidecar.

    `module` is run as `python -m module *args`. `health_path` is asked until it answers 200; `expect` are fields that
    its JSON must hold, and with `echoes_nonce` it must also give back `MEDIABRIDGE_NONCE` as `nonce`, which proves that
    this very launch answers. `own_interpreter` prefers the interpreter that runs the bridge.
    """

    module: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    health_path: str = "/health"
    expect: Mapping[str, object] = field(default_factory=dict)
    echoes_nonce: bool = True
    own_interpreter: bool = False

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.module

    def command(self, python: str) -> list[str]:
        """The command line under that interpreter."""
        return [python, "-m", self.module, *self.args]


SIDECAR = Target(module="mediabridge.sidecar", expect={"status": "ok"}, own_interpreter=True)
