"""All that a bridge is told when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .lifecycle import Rules
from .restart import Policy, RestartRules
from .target import SIDECAR, WORKER, Target

if TYPE_CHECKING:
    from mediabridge.config import Settings

MB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """What to run, where it listens, how patient to be.

    `env` is added to the host's environment for the child. `port` 0 takes any free one; further replicas always do.
    `worker` runs beside the sidecar without a socket. `memory_limit_bytes` 0 = none. With `shared`, all bridges of this
    user that have the same target, address and working folder are one: the first leads, the others follow it.
    """

    target: Target = SIDECAR
    host: str = "127.0.0.1"
    port: int = 5001
    uds: str | None = None
    python: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    replicas: int = 1
    worker: Target | None = None
    memory_limit_bytes: int = 0
    shared: bool = False
    probe_timeout_s: float = 2.0
    liveness_timeout_s: float = 5.0

    @classmethod
    def from_settings(cls, settings: Settings, **changes: object) -> BridgeOptions:
        """From the table of CONTRACT §2; the child gets the same settings in its environment.

        Our own sidecar gets its worker, unless `SIDECAR_WORKER` is off; another target gets none by itself.
        """
        works = settings.sidecar_worker == "on" and changes.get("target", SIDECAR) is SIDECAR
        options = cls(
            host=settings.flask_host,
            port=settings.flask_port,
            uds=settings.flask_socket,
            python=settings.python_path,
            env=settings.environ(),
            replicas=settings.sidecar_replicas,
            worker=WORKER if works else None,
            memory_limit_bytes=settings.sidecar_memory_limit_mb * MB,
            rules=Rules(
                start_timeout_s=settings.flask_health_timeout_ms / 1000,
                start_tries=settings.flask_health_max_retries,
                start_interval_s=settings.flask_health_interval_ms / 1000,
                grace_s=settings.flask_shutdown_timeout_ms / 1000,
                restart=RestartRules(policy=Policy(settings.sidecar_restart)),
            ),
        )
        return replace(options, **changes)  # type: ignore[arg-type]  # checked by the dataclass
