"""Our own host, and what other Python hosts mount: the joint of bridge and proxy, and a bridge that lives with them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .embed import bridge_from_settings, lifespan, limits_from_settings, run_with_process
    from .metrics import MetricsCollector
    from .upstream import BridgeUpstream

__all__ = [
    "BridgeUpstream",
    "MetricsCollector",
    "bridge_from_settings",
    "lifespan",
    "limits_from_settings",
    "run_with_process",
]

_HOME = {
    "BridgeUpstream": ".upstream",
    "bridge_from_settings": ".embed",
    "MetricsCollector": ".metrics",
    "lifespan": ".embed",
    "limits_from_settings": ".embed",
    "run_with_process": ".embed",
}


def __getattr__(name: str) -> Any:
    """Load on demand (PEP 562): `supervise`, which runs for months, needs neither asyncio nor the proxy."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
