"""The poster frame of a video: upright, with square pixels, and not black when another one is to be had.

It comes as a BMP: no orientation can be in one, so that nobody turns it a second time, and its pixels are plain to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mediabridge.sidecar.faults import Fault, UnreadableFile, UnsupportedMedia
from mediabridge.sidecar.images.raw import Preview
from mediabridge.sidecar.storage.types import HEAD

from .details import Track, details_of, track_of
from .ffmpeg import FFmpeg, unreadable
from .formats import MOST_PIXELS, TYPES, is_video

MOST_SIDE = 4096  # pixels; larger frames are shrunk
_CANDIDATES = 24  # frames of which the most typical one is taken
_CANDIDATE_BYTES = 192 * 1024**2  # what they may take together
_FIRST_S, _FIRST_SHARE = 3.0, 0.1
_SHARES = (0.25, 0.5, 0.75)
_SAMPLE = 997  # every so many bytes are looked at; no multiple of the three colours
_DARK, _DARK_SHARE = 40, 0.98  # of 255


class Poster:
    """What `Pictures` asks for a poster frame. Threads may share it."""

    def __init__(self, ffmpeg: FFmpeg) -> None:
        self._ffmpeg = ffmpeg

    def __call__(self, path: Path) -> Preview | None:
        """None: it is no video. Raises `UnsupportedMedia` (sound alone), `UnreadableFile`, `EngineUnavailable`."""
        with path.open("rb") as file:
            if not is_video(file.read(HEAD)):
                return None
        with self._ffmpeg.turn() as until:
            told = self._ffmpeg.probe(path, until)
            track = track_of(told)
            if track is None:
                raise _without_picture(told)
            return Preview(self._best(path, track, details_of(told).duration_ms, until))

    def _best(self, path: Path, track: Track, duration_ms: int | None, until: float) -> bytes:
        """The first frame that is not dark, else the first one."""
        dark: bytes | None = None
        words = ""
        for at_s in positions(None if track.still else duration_ms):
            try:
                frame, said = self._frame(path, track, at_s, until)
            except UnreadableFile:
                if dark is None:
                    raise
                break
            if frame and not is_dark(frame):
                return frame
            dark, words = dark or frame or None, words or said
        if dark is None:
            raise unreadable(path, words)
        return dark

    def _frame(self, path: Path, track: Track, at_s: float, until: float) -> tuple[bytes, str]:
        frame, words = self._ffmpeg.frame(path, track.index, at_s, filters(track), until)
        if not frame and track.transfer:  # this FFmpeg was built without zimg
            frame, words = self._ffmpeg.frame(path, track.index, at_s, filters(track, to_sdr=False), until)
        return frame, words


def _without_picture(told: Mapping[str, Any]) -> Fault:
    if any(stream.get("codec_type") == "video" for stream in told["streams"]):
        msg = f"No frame of the video can be decoded: it is damaged, or has too many pixels (over {MOST_PIXELS})."
        return UnreadableFile(msg, "Check that the file plays, or send a smaller one.")
    msg = "There is no moving picture in the file (none that FFmpeg knows)."
    return UnsupportedMedia(msg, "Send a video with a picture.", supported=TYPES)


def positions(duration_ms: int | None) -> Iterator[float]:
    """Where to look, in seconds: many videos begin with black, a title or a shaking hand."""
    if duration_ms is None:
        yield from (_FIRST_S, 0.0)
        return
    seconds = duration_ms / 1000
    yield min(seconds * _FIRST_SHARE, _FIRST_S)
    yield from (seconds * share for share in _SHARES)
    yield 0.0  # the file may be shorter than it says


def filters(track: Track, *, to_sdr: bool = True) -> str:
    """FFmpeg's filter graph: size, colours, and the most typical of some frames (it turns them upright before)."""
    width, height = poster_size(track.size)
    if track.transfer and to_sdr:
        # The way of FFmpeg's own documentation of `tonemap`; BT.2100 material, peak of a usual display.
        steps = [
            f"zscale=w={width}:h={height}:tin={track.transfer}:min=2020_ncl:pin=2020:t=linear:npl=100",
            "format=gbrpf32le,zscale=p=709,tonemap=hable:desat=0,zscale=t=iec61966-2-1:r=full,format=gbrp",
        ]
    else:
        matrix = f":in_color_matrix={track.matrix}" if track.matrix else ""
        steps = [f"scale={width}:{height}{matrix}"]
    candidates = 1 if track.still else max(min(_CANDIDATES, _CANDIDATE_BYTES // (width * height * 3)), 1)
    return ",".join([*steps, "format=bgr24", *([f"thumbnail={candidates}"] if candidates > 1 else [])])


def poster_size(size: tuple[int, int]) -> tuple[int, int]:
    """At most `MOST_SIDE` a side, in proportion, at least one pixel."""
    scale = min(MOST_SIDE / max(size), 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def is_dark(bmp: bytes) -> bool:
    """Whether nearly all of a picture is black, or nearly so."""
    pixels = bmp[int.from_bytes(bmp[10:14], "little") :][::_SAMPLE]
    return sum(value < _DARK for value in pixels) >= _DARK_SHARE * len(pixels)
