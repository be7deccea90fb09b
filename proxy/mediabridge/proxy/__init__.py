"""HTTP in, the same HTTP out: a streaming reverse proxy to one sidecar, embeddable in any ASGI host."""

from .asgi import AsgiProxy
from .errors import Outcome, ResponseAbortedError
from .events import Finished, hide_aborts, log_finished
from .limits import Limits
from .routes import Routes
from .upstream import Endpoint, Unavailable, Upstream

__all__ = [
    "AsgiProxy",
    "Endpoint",
    "Finished",
    "Limits",
    "Outcome",
    "ResponseAbortedError",
    "Routes",
    "Unavailable",
    "Upstream",
    "hide_aborts",
    "log_finished",
]
