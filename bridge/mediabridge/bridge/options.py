"""All that a bridge is told when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .lifecycle import Rules
from .restart import Policy, RestartRules
from .target import SIDECAR, Target

if TYPE_CHECKING:
    from mediabridge.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """What to run, where it listens, how patient to be. `env` is added to the host's environment for the child."""

    target: Target = SIDECAR
    host: str = "127.0.0.1"
    port: int = 5001
    uds: str | None = None
    python: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    probe_timeout_s: float = 2.0
    liveness_timeout_s: float = 5.0

    @classmethod
    def from_settings(cls, settings: Settings, *, target: Target = SIDECAR) -> BridgeOptions:
        """From the table of CONTRACT §2; the child gets the same settings in its environment."""
        return cls(
            target=target,
            host=settings.flask_host,
            port=settings.flask_port,
            uds=settings.flask_socket,
            python=settings.python_path,
            env=settings.environ(),
            rules=Rules(
                start_timeout_s=settings.flask_health_timeout_ms / 1000,
                start_tries=settings.flask_health_max_retries,
                start_interval_s=settings.flask_health_interval_ms / 1000,
                grace_s=settings.flask_shutdown_timeout_ms / 1000,
                restart=RestartRules(policy=Policy(settings.sidecar_restart)),
            ),
        )
