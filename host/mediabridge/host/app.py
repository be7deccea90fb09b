"""The ASGI application of `dev` and `serve`: the proxy before the host's own answers."""

from __future__ import annotations

from mediabridge.bridge import PythonBridge
from mediabridge.config import Settings
from mediabridge.proxy import AsgiProxy, Limits, Routes

from .answers import HostAnswers
from .upstream import BridgeUpstream

# What is proxied: whole path segments. A route of the sidecar that is to be seen outside is a word here.
PROXIED = ("/api/extract", "/health")

FIRST_BYTE_MARGIN_S = 15  # past the extraction's own limit, so that its answer is the one that arrives


def create_app(bridge: PythonBridge, settings: Settings) -> AsgiProxy:
    """Proxy what is the sidecar's, answer the rest."""
    return AsgiProxy(
        BridgeUpstream(bridge),
        routes=Routes.of(*PROXIED),
        app=HostAnswers(bridge, PROXIED),
        limits=Limits(
            max_body=settings.extract_max_bytes, first_byte_s=settings.extract_timeout_s + FIRST_BYTE_MARGIN_S
        ),
    )
