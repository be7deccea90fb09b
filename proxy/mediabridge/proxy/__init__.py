"""HTTP in, the same HTTP out: a streaming reverse proxy to one sidecar, embeddable in any ASGI or WSGI host."""

from .asgi import AsgiProxy
from .errors import Outcome, ResponseAbortedError
from .events import Finished, hide_aborts, log_finished
from .limits import Limits
from .request_id import request_id_of
from .routes import Routes
from .tally import Counts, Tally
from .upstream import Endpoint, Unavailable, Upstream
from .wsgi import WsgiProxy

__all__ = [
    "AsgiProxy",
    "Counts",
    "Endpoint",
    "Finished",
    "Limits",
    "Outcome",
    "ResponseAbortedError",
    "Routes",
    "Tally",
    "Unavailable",
    "Upstream",
    "WsgiProxy",
    "hide_aborts",
    "log_finished",
    "request_id_of",
]
