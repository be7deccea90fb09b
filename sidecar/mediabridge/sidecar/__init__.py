"""The sidecar: Flask on waitress, with ExifTool behind it. Run it with `python -m mediabridge.sidecar`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app
    from .extraction.engine import Engine, PoolStats
    from .extraction.extract import Extractor, Reading
    from .extraction.tools import find_exiftool
    from .extraction.view import View
    from .faults import Fault
    from .guard import TOKEN_HEADER, Guard
    from .limits import Tier, find_tier, tiers
    from .server import Server, ServerOptions
    from .services import Launch, Services, build

__all__ = [
    "TOKEN_HEADER",
    "Engine",
    "Extractor",
    "Fault",
    "Guard",
    "Launch",
    "PoolStats",
    "Reading",
    "Server",
    "ServerOptions",
    "Services",
    "Tier",
    "View",
    "build",
    "create_app",
    "find_exiftool",
    "find_tier",
    "tiers",
]

_HOME = {
    "TOKEN_HEADER": ".guard",
    "Engine": ".extraction.engine",
    "Extractor": ".extraction.extract",
    "Fault": ".faults",
    "Guard": ".guard",
    "Launch": ".services",
    "PoolStats": ".extraction.engine",
    "Reading": ".extraction.extract",
    "Server": ".server",
    "ServerOptions": ".server",
    "Services": ".services",
    "Tier": ".limits",
    "View": ".extraction.view",
    "build": ".services",
    "create_app": ".app",
    "find_exiftool": ".extraction.tools",
    "find_tier": ".limits",
    "tiers": ".limits",
}


def __getattr__(name: str) -> Any:
    """Load on demand (PEP 562): the command line reads files without a web server."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
