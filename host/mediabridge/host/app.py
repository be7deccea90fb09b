"""The ASGI application of `dev` and `serve`: the proxy before the host's own answers."""

from __future__ import annotations

from mediabridge.bridge import PythonBridge
from mediabridge.config import Settings
from mediabridge.proxy import AsgiProxy, Routes

from .answers import HostAnswers
from .embed import limits_from_settings
from .metrics import exposition
from .upstream import BridgeUpstream

# What is proxied: whole path segments. A route of the sidecar that is to be seen outside is a word here.
PROXIED = (
    "/api/extract",
    "/api/status",
    "/api/cache",
    "/api/jobs",
    "/api/library",
    "/api/upload",
    "/api/import-path",
    "/api/worker-health",
    "/api/deepfake",
    "/upload",
    "/cache",
    "/optimize-for-ai",
    "/health",
)


def create_app(bridge: PythonBridge, settings: Settings) -> AsgiProxy:
    """Proxy what is the sidecar's, answer the rest."""
    proxy = AsgiProxy(
        BridgeUpstream(bridge),
        routes=Routes.of(*PROXIED),
        app=HostAnswers(bridge, PROXIED, lambda: exposition(proxy, bridge)),
        limits=limits_from_settings(settings),
    )
    return proxy
