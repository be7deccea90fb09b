"""Builds the pool of real ExifTool processes."""

from __future__ import annotations

from .cores import processes
from .engine import Engine, Wear
from .exiftool import ExifToolProcess
from .tools import find_exiftool


def start_pool(exiftool_path: str | None, size: int, wear: Wear | None = None) -> Engine:
    """A pool whose processes start in the background; that ExifTool is missing is no error here.

    `exiftool_path`: EXIFTOOL_PATH; `size`: processes, 0 for as many as there are cores.
    """
    # Looked for at each start of a process: an ExifTool that is installed later is found without a restart.
    engine = Engine(lambda: ExifToolProcess(find_exiftool(exiftool_path)), processes=processes(size), wear=wear)
    engine.start()
    return engine
