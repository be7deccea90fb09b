"""What ffprobe says of a file, as details of a video. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_HDR = frozenset({"smpte2084", "arib-std-b67"})  # PQ and HLG (ITU-R BT.2100)
_MOST_FPS = 1000  # above, it is a time base and no rate (variable frame rates)
_WHOLE_TURN, _QUARTER = 360, 90


@dataclass(frozen=True, slots=True)
class Details:
    """Width and height in pixels as the video is shown: turned by `rotation` and with square pixels already.

    `rotation`: degrees clockwise that the file asks for, 0, 90, 180 or 270. Without a moving picture, what tells of it
    is None. `duration_ms` is None where the file does not say (recordings of browsers, for example).
    """

    duration_ms: int | None
    width: int | None
    height: int | None
    rotation: int | None
    fps: float | None
    video_codec: str | None
    audio_codec: str | None

    def to_json(self) -> dict[str, object]:
        """As clients see it."""
        return {
            "durationMs": self.duration_ms,
            "width": self.width,
            "height": self.height,
            "rotation": self.rotation,
            "fps": self.fps,
            "videoCodec": self.video_codec,
            "audioCodec": self.audio_codec,
            "hasVideo": self.video_codec is not None,
            "hasAudio": self.audio_codec is not None,
        }


@dataclass(frozen=True, slots=True)
class Track:
    """What a poster frame is taken from: `index` in the file, `size` as it is shown. `still`: a cover, one picture.

    `transfer` names an HDR curve, else None; `matrix` the way from YUV to RGB, where the file leaves it open.
    """

    index: int
    size: tuple[int, int]
    still: bool
    transfer: str | None
    matrix: str | None


def details_of(told: Mapping[str, Any]) -> Details:
    """`told`: the JSON of `ffprobe -show_format -show_streams`. What is missing or absurd becomes None."""
    video = next((one for one in _streams(told, "video") if not _is_cover(one)), None)
    audio = next(iter(_streams(told, "audio")), None)
    width, height = _shown(video) or (None, None) if video else (None, None)
    return Details(
        duration_ms=_duration_ms(told, video or audio or {}),
        width=width,
        height=height,
        rotation=_rotation(video) if video else None,
        fps=_fps(video) if video else None,
        video_codec=_codec(video) if video else None,
        audio_codec=_codec(audio) if audio else None,
    )


def track_of(told: Mapping[str, Any]) -> Track | None:
    """The first moving picture, else a cover; None in a file of sound."""
    for stream in sorted(_streams(told, "video"), key=_is_cover):
        size = _shown(stream)
        if size is not None and isinstance(stream.get("index"), int):
            transfer = stream.get("color_transfer")
            return Track(
                stream["index"], size, _is_cover(stream), transfer if transfer in _HDR else None, _matrix(stream, size)
            )
    return None


def _streams(told: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [stream for stream in told.get("streams", []) if stream.get("codec_type") == kind]


def _is_cover(stream: Mapping[str, Any]) -> bool:
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _codec(stream: Mapping[str, Any]) -> str:
    return str(stream.get("codec_name", "unknown"))


def _shown(stream: Mapping[str, Any]) -> tuple[int, int] | None:
    """The size with square pixels, upright."""
    width, height = stream.get("width"), stream.get("height")
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        return None
    wide = max(round(width * (_fraction(stream.get("sample_aspect_ratio")) or 1)), 1)
    return (height, wide) if _rotation(stream) % (2 * _QUARTER) else (wide, height)


def _rotation(stream: Mapping[str, Any]) -> int:
    """Of the display matrix (ISO/IEC 14496-12, 8.3.2); ffprobe counts against the clock."""
    for side in stream.get("side_data_list", []):
        turn = side.get("rotation")
        if isinstance(turn, int | float):
            return -round(turn / _QUARTER) * _QUARTER % _WHOLE_TURN
    return 0


def _fps(stream: Mapping[str, Any]) -> float | None:
    rate = _fraction(stream.get("avg_frame_rate")) or _fraction(stream.get("r_frame_rate"))
    return round(float(rate), 3) if rate and rate <= _MOST_FPS else None


def _duration_ms(told: Mapping[str, Any], stream: Mapping[str, Any]) -> int | None:
    for source in (told.get("format", {}), stream):
        with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
            found = round(float(source["duration"]) * 1000)
            if found > 0:
                return found
    return None


def _matrix(stream: Mapping[str, Any], size: tuple[int, int]) -> str | None:
    """High definition without a word on it is BT.709, as every player takes it; FFmpeg would take BT.601."""
    return "bt709" if stream.get("color_space", "unknown") == "unknown" and min(size) > 576 else None  # noqa: PLR2004


def _fraction(text: object) -> Fraction | None:
    """`30000/1001` or `64:45`; None for `0/0` and nonsense."""
    try:
        return Fraction(str(text).replace(":", "/")) or None
    except (ValueError, ZeroDivisionError):
        return None
