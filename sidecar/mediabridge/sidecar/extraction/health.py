"""Is the engine well? It really reads a file; a process that is only busy counts as alive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mediabridge.sidecar.faults import EngineBusy, EngineUnavailable, Fault

from . import groups
from .engine import Engine

# The smallest GIF: header, 1x1 screen without colours, trailer (GIF89a specification, sections 17, 18, 27).
SAMPLE = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
_TURN_S = 2.0  # how long to wait for a turn before the engine is called busy


@dataclass(frozen=True, slots=True)
class Health:
    """`ok`: a file was read; `degraded`: no turn in time, but processes live and work, or ExifTool is not to be had and
    the built-in reader does its work; `down`: `reason` says why.
    """

    status: Literal["ok", "degraded", "down"]
    reason: str | None = None


def check(engine: Engine, sample: Path, timeout_s: float) -> Health:
    """Read `sample`, a file of the bytes `SAMPLE`. Answers within `timeout_s` seconds: 0.15 + 0.6 + 0.15 of it."""
    patience_s = min(_TURN_S, timeout_s * 0.15)
    try:
        reply = engine.run(*groups.ARGUMENTS, str(sample), timeout_s=timeout_s * 0.6, patience_s=patience_s)
        read = groups.regroup(groups.parse(reply.stdout), sample.name)
    except EngineBusy:
        return _busy(engine)
    except EngineUnavailable as fault:
        return Health("degraded", f"{fault.message} The built-in reader gives the main fields.")
    except Fault as fault:
        return Health("down", fault.message)
    except groups.NotExifToolJsonError as problem:
        return Health("down", str(problem))
    if read.get("File", {}).get("MIMEType") != "image/gif":
        return Health("down", "ExifTool did not recognise a GIF.")
    return Health("ok")


def _busy(engine: Engine) -> Health:
    stats = engine.stats()
    if engine.state == "ready" and stats.alive:
        return Health("degraded", f"All {stats.size} ExifTool processes are busy; {stats.queued} requests wait.")
    return Health("degraded" if engine.state == "starting" else "down", f"ExifTool is {engine.state}.")
