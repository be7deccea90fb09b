"""What `mediabridge doctor` looks at, beside Python, ports and the scratch folder."""

from .check import Check
from .databases import database, queue
from .folders import folders
from .tools import exiftool, ffmpeg, tesseract

__all__ = ["Check", "database", "exiftool", "ffmpeg", "folders", "queue", "tesseract"]
