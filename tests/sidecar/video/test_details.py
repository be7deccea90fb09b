"""Details out of what ffprobe says: pure, and for a real file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.video import FFmpeg, details_of
from mediabridge.sidecar.video.details import track_of

from .conftest import TURNS, turned

WORDS = st.none() | st.text(max_size=5) | st.sampled_from(["0/0", "30000/1001", "1:0", "4:3", "N/A", "nan", "1e400"])
NUMBERS = st.none() | st.integers(-5, 10**5) | st.floats(-1e4, 1e4)
STREAMS = st.fixed_dictionaries(
    {"codec_type": st.sampled_from(["video", "audio", "data"])},
    optional={
        "index": NUMBERS, "width": NUMBERS, "height": NUMBERS, "sample_aspect_ratio": WORDS, "avg_frame_rate": WORDS,
        "r_frame_rate": WORDS, "duration": WORDS, "codec_name": st.text(max_size=5),
        "disposition": st.just({"attached_pic": 1}),
        "side_data_list": st.lists(st.fixed_dictionaries({}, optional={"rotation": NUMBERS}), max_size=2),
    },
)  # fmt: skip


@given(st.lists(STREAMS, max_size=4), WORDS)
def test_whatever_is_told_the_details_are_sound(streams: list[dict[str, Any]], duration: str | None) -> None:
    told = {"streams": streams, "format": {"duration": duration}}
    details = details_of(told)
    json.dumps(details.to_json(), allow_nan=False)
    assert details.rotation in (None, 0, 90, 180, 270)
    assert details.duration_ms is None or details.duration_ms > 0
    assert (details.width is None) == (details.height is None)
    assert details.width is None or min(details.width, details.height or 0) > 0
    track = track_of(told)
    assert track is None or min(track.size) > 0


def video(**more: Any) -> dict[str, Any]:
    return {"streams": [{"codec_type": "video", "codec_name": "h264", "index": 0, "width": 720, "height": 576, **more}]}


@pytest.mark.parametrize(
    ("told", "size", "rotation", "fps"),
    [
        (video(avg_frame_rate="30000/1001"), (720, 576), 0, 29.97),
        (video(sample_aspect_ratio="64:45"), (1024, 576), 0, None),
        (video(side_data_list=[{"rotation": -90}], sample_aspect_ratio="64:45"), (576, 1024), 90, None),
        (video(side_data_list=[{"rotation": 90}]), (576, 720), 270, None),
        (video(side_data_list=[{"rotation": -180.2}]), (720, 576), 180, None),
        (video(avg_frame_rate="0/0", r_frame_rate="90000/1"), (720, 576), 0, None),
    ],
)
def test_size_is_as_shown(told: dict[str, Any], size: tuple[int, int], rotation: int, fps: float | None) -> None:
    details = details_of(told)
    assert ((details.width, details.height), details.rotation, details.fps) == (size, rotation, fps)


def test_a_cover_is_no_video_but_a_picture_to_show() -> None:
    told = video(disposition={"attached_pic": 1})
    told["streams"].append({"codec_type": "audio", "codec_name": "aac"})
    assert (details_of(told).video_codec, details_of(told).audio_codec) == (None, "aac")
    track = track_of(told)
    assert track is not None
    assert track.still


def test_colours_are_taken_as_players_take_them() -> None:
    def matrix(**more: Any) -> str | None:
        track = track_of(video(**more))
        assert track is not None
        return track.matrix

    assert matrix() is None
    assert matrix(width=1280, height=720) == "bt709"
    assert matrix(width=1280, height=720, color_space="smpte170m") is None


def test_a_real_file(quarters: Path, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = tmp_path / "film"
    for degrees in TURNS:
        path.write_bytes(turned(quarters.read_bytes(), degrees))
        with ffmpeg.turn() as until:
            details = details_of(ffmpeg.probe(path, until))
        assert details.duration_ms is not None
        assert abs(details.duration_ms - 2000) < 100
        assert dataclasses.replace(details, duration_ms=2000).to_json() == {
            "durationMs": 2000, "width": 48 if degrees % 180 else 64, "height": 64 if degrees % 180 else 48,
            "rotation": degrees, "fps": 10.0, "videoCodec": "mpeg4", "audioCodec": "aac",
            "hasVideo": True, "hasAudio": True,
        }  # fmt: skip
