"""FFmpeg and ffprobe on one file each time: never more at once than allowed, each with limits; errors are faults."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mediabridge.sidecar.faults import EngineBusy, EngineUnavailable, UnreadableFile

from . import process
from .formats import INPUT
from .tools import INSTALL, Tools

_TOLD_BYTES = 4 * 1024**2  # of JSON about a file
_FRAME_BYTES = 64 * 1024**2
_WORDS = 200
_PROBE = ("-v", "error", "-show_format", "-show_streams", "-of", "json")
_DECODE = ("-nostdin", "-hide_banner", "-v", "error")
_FRAME = ("-threads", "1", "-pix_fmt", "bgr24", "-c:v", "bmp", "-f", "image2pipe", "pipe:1")


class FFmpeg:
    """Threads may share it. `tools` finds the programs, or raises `EngineUnavailable`."""

    def __init__(self, tools: Callable[[], Tools], seconds: float = 30.0, most: int = 2) -> None:
        self._tools = tools
        self._seconds = seconds
        self._room = threading.BoundedSemaphore(most)

    @contextlib.contextmanager
    def turn(self) -> Iterator[float]:
        """Room to work on one file, and until when (of the monotonic clock). Raises `EngineBusy`."""
        if not self._room.acquire(timeout=self._seconds):
            msg = f"FFmpeg was busy with other videos for {self._seconds:g} s."
            raise EngineBusy(msg)
        try:
            yield time.monotonic() + self._seconds
        finally:
            self._room.release()

    def probe(self, path: Path, until: float) -> dict[str, Any]:
        """What ffprobe tells of the file. Raises `EngineUnavailable`, `UnreadableFile`."""
        done = self._run([str(self._tools().ffprobe), *_PROBE, *INPUT, _url(path)], until, _TOLD_BYTES)
        with contextlib.suppress(ValueError):
            told = json.loads(done.out)
            if isinstance(told, dict) and told.get("streams"):
                return told
        raise unreadable(path, done.words)

    def frame(self, path: Path, index: int, at_s: float, filters: str, until: float) -> tuple[bytes, str]:
        """One frame of a stream after `filters`, as a BMP (upright, nothing but pixels), and FFmpeg's complaints.

        No bytes: there is no frame. Raises as `probe` does.
        """
        place = ("-ss", f"{at_s:.3f}") if at_s > 0 else ()
        chosen = ("-map", f"0:{index}", "-frames:v", "1", "-filter_threads", "1", "-vf", filters)
        command = [str(self._tools().ffmpeg), *_DECODE, *INPUT, "-an", "-sn", "-dn", *place, "-i", _url(path)]
        done = self._run([*command, *chosen, *_FRAME], until, _FRAME_BYTES)
        return done.out, done.words

    def _run(self, command: list[str], until: float, most_bytes: int) -> process.Finished:
        try:
            return process.run(command, until, most_bytes)
        except process.TookTooLong as problem:
            msg = f"The video cannot be read: it took FFmpeg more than {self._seconds:g} s."
            raise UnreadableFile(msg, "Send a shorter or smaller video.") from problem
        except process.SaidTooMuch as problem:
            msg = f"The video cannot be read: more than {most_bytes} bytes came out of it."
            raise UnreadableFile(msg) from problem
        except OSError as problem:
            msg = f"{command[0]} cannot be started ({problem.strerror or problem})."
            raise EngineUnavailable(msg, INSTALL) from problem


def unreadable(path: Path, words: str) -> UnreadableFile:
    """The fault, with FFmpeg's last words but for where the file lies."""
    last = words.replace(_url(path), "the file").replace(str(path), "the file").strip().splitlines()[-1:]
    msg = f"The video cannot be read: {last[0][:_WORDS] if last else 'FFmpeg found nothing in it'}."
    return UnreadableFile(msg, "Check that the file plays, and upload it again.")


def _url(path: Path) -> str:
    """Said outright, so that no part of a name is taken for a protocol."""
    return f"file:{path}"
