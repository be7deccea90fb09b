"""When was it taken? Everything that tells a date, weighed into one answer with its confidence and its reasons.

Read `resolve.py` first. Knows no database, no HTTP and no files: metadata, names and dates come in.
"""

from .embedded import position
from .model import Candidate, Evidence, FileDates, Sidecar, Taken
from .resolve import when_taken
from .sidecars import Beside, Folder, read_xmp
from .takeout import SidecarError, read_takeout
from .zones import zone_at, zone_of

__all__ = [
    "Beside",
    "Candidate",
    "Evidence",
    "FileDates",
    "Folder",
    "Sidecar",
    "SidecarError",
    "Taken",
    "position",
    "read_takeout",
    "read_xmp",
    "when_taken",
    "zone_at",
    "zone_of",
]
