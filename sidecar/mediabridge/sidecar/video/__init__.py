"""Videos through FFmpeg: a poster frame for the picture presets, and details. Knows no HTTP.

Read `poster.py` first; `formats.py` says what FFmpeg may open at all.
"""

from .details import Details, details_of
from .ffmpeg import FFmpeg
from .formats import TYPES
from .poster import Poster
from .shelf import VideoShelf
from .tools import INSTALL, Tools, find_tools

__all__ = [
    "INSTALL",
    "TYPES",
    "Details",
    "FFmpeg",
    "Poster",
    "Tools",
    "VideoShelf",
    "details_of",
    "find_tools",
]
