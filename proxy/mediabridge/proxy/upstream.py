"""The port through which the proxy sees its upstream: where it listens, and why it is not ready."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one sidecar process listens: ``host`` and ``port``, or the path of a Unix socket in ``uds``.

    ``headers`` are added to every request that goes there; a client's own header of such a name is dropped.
    ``generation`` is another one when another process listens there: what the last one said is then forgotten.
    """

    host: str = "127.0.0.1"
    port: int = 0
    uds: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    generation: int = 0

    @property
    def address(self) -> tuple[str, int, str | None]:
        """What tells one listener from another; connections are pooled by it."""
        return (self.host, self.port, self.uds)

    def __str__(self) -> str:
        return f"unix:{self.uds}" if self.uds else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why the upstream is not ready, in a person's words; it becomes the 503 answer.

    ``retry_after_s`` is in seconds, ``None`` sends no ``Retry-After``; ``details`` are extra fields of the JSON.
    """

    error: str
    message: str
    suggestion: str
    retry_after_s: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)


class Upstream(Protocol):
    """What the proxy asks of whoever runs the sidecar. Both are asked for every request: cheap and thread-safe."""

    def why_not_ready(self) -> Unavailable | None:
        """The reason to answer 503 by ourselves; ``None`` means ready."""
        ...

    def endpoints(self) -> Sequence[Endpoint]:
        """One endpoint for each replica that is ready now, each with ``headers`` of the same names.

        Asked only after ``why_not_ready()`` gave ``None``; empty when that has changed meanwhile. The same objects
        each time, as long as nothing changes, save the proxy some work.
        """
        ...
