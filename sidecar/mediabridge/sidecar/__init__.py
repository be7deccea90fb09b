"""The sidecar: Flask on waitress, with ExifTool behind it. Run it with `python -m mediabridge.sidecar`."""

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
