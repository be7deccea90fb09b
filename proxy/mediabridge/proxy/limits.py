"""How much and how long. Seconds and bytes are in the names."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one proxy. Waiting times are checked every 50 ms, so they may last that much longer.

    ``max_body``: bytes of a request's body, ``None`` for no limit. ``body_rule`` is asked instead where it depends
    on the call: path and query, undecoded, to bytes.
    ``connect_s``: to open a connection. ``continue_s``: to wait for the upstream's 100 before the body is sent anyway.
    ``first_byte_s``: from the end of the request to the response's head; above the sidecar's own 180 s.
    ``idle_s``: silence of the upstream in the middle of a body, either way.
    ``client_idle_s``: silence of the client in the middle of its upload.
    ``pool_idle_s``: age of an idle connection that may still be used; must be below the sidecar's (waitress: 120 s).
    ``pool_size``: idle connections kept for one endpoint.
    ``start_wait_s``: how long a request waits for an upstream that is starting, before it is answered 503.
    ``cache_bytes``: memory for responses that say ``public, immutable``, of ``cache_entry_bytes`` at most; 0 for none.
    ``cache_fresh_s``: how long one of them is served before the upstream is asked again; twice as long while it is.
    """

    max_body: int | None = None
    connect_s: float = 5.0
    continue_s: float = 1.0
    first_byte_s: float = 190.0
    idle_s: float = 190.0
    client_idle_s: float = 60.0
    pool_idle_s: float = 30.0
    pool_size: int = 128
    start_wait_s: float = 0.0
    cache_bytes: int = 64 * 1024**2
    cache_entry_bytes: int = 64 * 1024
    cache_fresh_s: float = 5.0
    body_rule: Callable[[str, str], int] | None = None

    def largest_body(self, path: bytes, query: bytes) -> int | None:
        """Bytes that the body of a request to ``path?query`` may have; ``None`` for no limit."""
        if self.body_rule is None:
            return self.max_body
        return self.body_rule(path.decode("latin-1"), query.decode("latin-1"))


DEFAULT_LIMITS = Limits()
