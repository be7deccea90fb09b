"""What FFmpeg may do with a file, and what becomes of it when it misbehaves."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from mediabridge.sidecar import faults
from mediabridge.sidecar.video import FFmpeg, Poster, Tools, find_tools


def probe(ffmpeg: FFmpeg, path: Path) -> Any:
    with ffmpeg.turn() as until:
        return ffmpeg.probe(path, until)


def playlists(secret: str) -> dict[str, str]:
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "sdp": "v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "dash": f"<MPD><Period><AdaptationSet><BaseURL>{secret}</BaseURL></AdaptationSet></Period></MPD>",
    }


@pytest.mark.parametrize("kind", ["hls", "concat", "sdp", "dash"])
def test_a_playlist_opens_nothing(film: Callable[..., Path], ffmpeg: FFmpeg, tmp_path: Path, kind: str) -> None:
    secret = film("secret.ts", "-f", "lavfi", "-i", "color=c=red:s=32x32:r=5:d=1", "-c:v", "mpeg2video")
    path = tmp_path / "file"
    path.write_text(playlists(str(secret))[kind])
    with pytest.raises(faults.UnreadableFile) as caught:
        probe(ffmpeg, path)
    assert "secret" not in caught.value.message
    with ffmpeg.turn() as until:
        assert ffmpeg.frame(path, 0, 0, "null", until)[0] == b""
    if kind == "hls":  # it would have been opened without our list
        told = subprocess.run(["ffprobe", "-v", "error", "-show_streams", path], capture_output=True, check=False)
        assert b"mpeg2video" in told.stdout


def test_nobody_is_called(ffmpeg: FFmpeg, have_ffmpeg: None, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/secret.ts"
        for kind in ("hls", "concat", "dash"):
            path = tmp_path / kind
            path.write_text(playlists(url)[kind])
            with pytest.raises(faults.UnreadableFile):
                probe(ffmpeg, path)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_name_is_never_taken_for_a_protocol(quarters: Path, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = tmp_path / "concat:a|-i %d file"
    path.write_bytes(quarters.read_bytes())
    assert len(probe(ffmpeg, path)["streams"]) == 2


def test_a_frame_of_too_many_pixels_is_not_decoded(film: Callable[..., Path], ffmpeg: FFmpeg) -> None:
    path = film("huge.avi", "-f", "lavfi", "-i", "color=c=red:s=64x64:r=1:d=1", "-c:v", "mjpeg")
    content = path.read_bytes()
    huge, small = struct.pack(">HH", 60_000, 60_000), struct.pack(">HH", 64, 64)
    assert content.count(b"\x08" + small + b"\x03") == 1
    content = content.replace(b"\x08" + small + b"\x03", b"\x08" + huge + b"\x03")
    path.write_bytes(content.replace(struct.pack("<II", 64, 64), struct.pack("<II", 60_000, 60_000)))
    with pytest.raises(faults.UnreadableFile, match="too many pixels"):
        Poster(ffmpeg)(path)


def stand_in(tmp_path: Path, script: str, seconds: float = 30.0) -> FFmpeg:
    path = tmp_path / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return FFmpeg(lambda: Tools(path, path), seconds)


def test_one_that_hangs_is_killed_with_its_children(tmp_path: Path, until: Callable[..., Any]) -> None:
    long = f"86400.{os.getpid()}"
    slow = stand_in(tmp_path, f"sleep {long} & sleep {long}", 1.0)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(probe, slow, tmp_path / "any")
        until(lambda: len(sleeping(long)) == 2)
        with pytest.raises(faults.UnreadableFile, match=r"more than 1 s"):
            asked.result(10)
    until(lambda: not sleeping(long))


def sleeping(seconds: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline() == ["sleep", seconds]:
                found.append(process.pid)
    return found


def test_it_can_write_no_file_and_has_little_memory(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with pytest.raises(faults.UnreadableFile):
        probe(stand_in(tmp_path, f"echo word > {kept}"), tmp_path / "any")
    assert kept.read_bytes() == b""
    told = stand_in(tmp_path, """echo '{"streams": ['$(ulimit -v)', '$(ulimit -c)']}'""")
    assert probe(told, tmp_path / "any")["streams"] == [2 * 1024**2, 0]  # KiB


def test_one_that_floods_is_killed(tmp_path: Path) -> None:
    with pytest.raises(faults.UnreadableFile, match="bytes came out"):
        probe(stand_in(tmp_path, "exec yes"), tmp_path / "any")


def test_complaints_without_end_block_nobody(tmp_path: Path) -> None:
    noisy = stand_in(tmp_path, """yes | head -c 2000000 >&2; echo '{"streams": [{"index": 0}]}'""")
    assert probe(noisy, tmp_path / "any")["streams"] == [{"index": 0}]


def test_one_that_crashes_is_no_crash_of_ours(tmp_path: Path) -> None:
    with pytest.raises(faults.UnreadableFile, match="cannot be read"):
        probe(stand_in(tmp_path, "kill -SEGV $$"), tmp_path / "any")


def test_only_so_many_run_at_once(tmp_path: Path) -> None:
    few = FFmpeg(lambda: find_tools(None), seconds=0.05, most=1)
    with few.turn(), pytest.raises(faults.EngineBusy), few.turn():
        pass
    waited = threading.Event()
    patient = FFmpeg(lambda: find_tools(None), seconds=10, most=1)

    def second() -> None:
        with patient.turn() as until:
            assert until > time.monotonic()
            waited.set()

    with patient.turn():
        thread = threading.Thread(target=second)
        thread.start()
    thread.join(10)
    assert waited.is_set()


def test_without_ffmpeg_it_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(faults.EngineUnavailable, match="PATH") as caught:
        find_tools(None, str(tmp_path))
    assert "apt-get install ffmpeg" in caught.value.suggestion
    with pytest.raises(faults.EngineUnavailable, match="no such file"):
        find_tools(str(tmp_path / "ffmpeg"))
    lonely = tmp_path / "ffmpeg"
    lonely.write_text("")
    with pytest.raises(faults.EngineUnavailable, match="not executable"):
        find_tools(str(lonely))
    lonely.chmod(0o755)
    with pytest.raises(faults.EngineUnavailable, match="no ffprobe beside it"):
        find_tools(str(lonely))
