"""Frames of a video, spread evenly over it, upright, as files that are measured like pictures.

H.264 and its kin wipe out most of what a picture's pixels tell: frames have a model of their own (`video_frame`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mediabridge.sidecar.faults import EngineBusy, EngineUnavailable, Fault
from mediabridge.sidecar.video.details import Track, details_of, track_of
from mediabridge.sidecar.video.ffmpeg import FFmpeg

from .steps import Depth

COUNTS: dict[Depth, int] = {"quick": 4, "full": 16}
_MOST_SIDE = 1920  # pixels; larger frames are shrunk


class NoFramesError(Exception):
    """None can be had; `str()` is a sentence. `lasting`: it is the file's fault, and would be the same again."""

    def __init__(self, message: str, *, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: where it is, in milliseconds from the start, and its file (BMP), which is gone after the next one."""

    at_ms: int
    path: Path


class Frames(Protocol):
    """Takes frames out of a video."""

    def __call__(self, path: Path, count: int) -> Iterator[Frame]:
        """At most `count`, in their order. Raises `NoFramesError` where there is none at all."""


class FFmpegFrames:
    """With FFmpeg. Threads may share it."""

    def __init__(self, ffmpeg: FFmpeg) -> None:
        self._ffmpeg = ffmpeg

    def __call__(self, path: Path, count: int) -> Iterator[Frame]:
        """See `Frames`. FFmpeg is held for one frame at a time: others need it while a frame is measured."""
        taken = 0
        try:
            track, duration_ms = self._track(path)
            for at_ms in positions(duration_ms, 1 if track.still else count):
                with self._ffmpeg.turn() as until:
                    data, _ = self._ffmpeg.frame(path, track.index, at_ms / 1000, filters(track), until)
                if data:
                    taken += 1
                    with _file(data) as file:
                        yield Frame(at_ms, file)
        except Fault as problem:
            if not taken:
                raise NoFramesError(problem.message, lasting=_lasting(problem)) from problem
        if not taken:
            msg = "No frame of the video could be decoded."
            raise NoFramesError(msg, lasting=True)

    def _track(self, path: Path) -> tuple[Track, int | None]:
        with self._ffmpeg.turn() as until:
            told = self._ffmpeg.probe(path, until)
        track = track_of(told)
        if track is None:
            msg = "The video has no moving picture that can be decoded."
            raise NoFramesError(msg, lasting=True)
        return track, details_of(told).duration_ms


def positions(duration_ms: int | None, count: int) -> list[int]:
    """Where to look, in milliseconds: the middles of `count` equal parts; the start where none is told."""
    if not duration_ms:
        return [0]
    return sorted({duration_ms * (2 * number + 1) // (2 * count) for number in range(count)})


def filters(track: Track) -> str:
    """FFmpeg's filter graph: square pixels, not larger than what is measured."""
    width, height = track.size
    scale = min(_MOST_SIDE / max(width, height), 1.0)
    matrix = f":in_color_matrix={track.matrix}" if track.matrix else ""
    return f"scale={max(round(width * scale), 1)}:{max(round(height * scale), 1)}{matrix},format=bgr24"


def _lasting(problem: Fault) -> bool:
    return not isinstance(problem, EngineBusy | EngineUnavailable)


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(suffix=".bmp") as file:
        file.write(data)
        file.flush()
        yield Path(file.name)
