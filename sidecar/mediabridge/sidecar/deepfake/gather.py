"""Runs the steps of an analysis in children: one that dies or hangs costs its own step, and what depends on that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mediabridge.sidecar.faults import EngineBusy
from mediabridge.sidecar.isolated import (
    Died,
    IsolationError,
    Limits,
    NoRoom,
    NotStarted,
    OutOfMemory,
    Pool,
    TookTooLong,
    Wear,
)  # fmt: skip

from .frames import COUNTS, Frame, Frames, NoFramesError
from .gathered import Gathered, lost_with
from .steps import OF_FRAMES, Depth

Json = Any
Tick = Callable[[int, int], object]  # how many steps are done, of how many; raises to stop
_TASK = "mediabridge.sidecar.deepfake.work:examine"
LIMITS = Limits(seconds=30.0, memory_bytes=1280 * 1024**2, output_bytes=32 * 1024**2, file_bytes=1024**2)
WEAR = Wear(questions=500, resident_bytes=320 * 1024**2)
_ALTOGETHER_S = 60.0
_OF_ONE_ALONE = (Died, OutOfMemory, TookTooLong)


def start_pool(most: int = 2, limits: Limits = LIMITS) -> Pool:
    """Children that gather. Each holds about 60 MB, and 250 MB while it measures twelve megapixels."""
    return Pool(_TASK, most, limits, WEAR)


def gather(
    pool: Pool, request: Mapping[str, Json], steps: tuple[str, ...], tick: Tick, altogether_s: float = _ALTOGETHER_S
) -> Gathered:
    """Run the steps in a child; one that dies or hangs costs the step in which it did, and what depends on that.

    `tick` is told after each step. Raises `EngineBusy`, and what `tick` raises.
    """
    gathered, left = Gathered(), list(steps)
    until = time.monotonic() + altogether_s
    while left:
        try:
            for told, data in pool.stream({**request, "steps": left}):
                gathered.add(told, data)
                left.remove(told["step"])
                tick(len(steps) - len(left), len(steps))
            return gathered
        except (NoRoom, NotStarted) as problem:
            msg = f"The file cannot be analysed now: {problem}."
            raise EngineBusy(msg) from problem
        except IsolationError as problem:
            alone = isinstance(problem, _OF_ONE_ALONE) and time.monotonic() < until
            lost, left = lost_with(left, alone=alone)
            gathered.lose(lost, type(problem).__name__, str(problem))
    return gathered


def gather_video(
    pool: Pool, frames: Frames | None, request: Mapping[str, Json], steps: tuple[str, ...], depth: Depth, tick: Tick
) -> Gathered:
    """The steps of the file itself, then its frames, for a minute at most. Raises as `gather` does."""
    total = len(steps) + COUNTS[depth]
    gathered = gather(pool, request, steps, lambda done, _: tick(done, total))
    gathered.frames = []
    until = time.monotonic() + _ALTOGETHER_S
    try:
        for frame in _taken(frames, Path(request["path"]), COUNTS[depth]):
            found = _measured(pool, frame, request, depth)
            gathered.frames.append(_shown(frame, found))
            gathered.whole = gathered.whole and found.whole
            tick(len(steps) + len(gathered.frames), total)
            if time.monotonic() > until:
                gathered.whole = False
                break
    except NoFramesError as problem:
        gathered.no_frames, gathered.whole = str(problem), gathered.whole and problem.lasting
    gathered.take_frames(request["mime"])
    return gathered


def _taken(frames: Frames | None, path: Path, count: int) -> Iterator[Frame]:
    if frames is None:
        msg = "This server takes no frames out of videos."
        raise NoFramesError(msg, lasting=True)
    return frames(path, count)


def _measured(pool: Pool, frame: Frame, request: Mapping[str, Json], depth: Depth) -> Gathered:
    of_frame = {**request, "path": str(frame.path), "mime": "image/bmp", "metadata": {}, "maps": False}
    return gather(pool, of_frame, OF_FRAMES[depth], lambda _done, _total: None)


def _shown(frame: Frame, found: Gathered) -> dict[str, Json]:
    size: dict[str, Json] = found.format or {"width": None, "height": None}
    return {
        "atMs": frame.at_ms,
        "width": size["width"],
        "height": size["height"],
        "evidence": found.evidence,
        "features": found.features,
        "perceptualHash": size.get("perceptualHash"),
    }
