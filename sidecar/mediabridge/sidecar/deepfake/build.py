"""Builds an analyst, alike in the sidecar and in a worker."""

from __future__ import annotations

import logging

from mediabridge.sidecar.cache import ResultCache
from mediabridge.sidecar.extraction.cores import usable_cores
from mediabridge.sidecar.video import FFmpeg, find_tools

from .analyst import Analyst, Read
from .frames import FFmpegFrames
from .gather import start_pool
from .model.onnx import Detector
from .scoring import Scorer
from .trust import read_anchors

_MOST = 2  # children: each of them may need a core and 350 MB
_log = logging.getLogger(__name__)


def tell_of_detector(path: str | None) -> None:
    """Warn when DEEPFAKE_ONNX names what cannot be asked. It may come later: each picture has it looked at again."""
    if path and (problem := Detector(path).problem()):
        _log.warning("DEEPFAKE_ONNX=%r is of no use: %s; going on without it", path, problem)


def build_analyst(
    read: Read, results: ResultCache, scorer: Scorer, *, trust_anchors: str | None, ffmpeg_path: str | None
) -> Analyst:
    """`trust_anchors`: DEEPFAKE_TRUST_ANCHORS; a file that cannot be used is told once, and nobody is trusted then.

    Its children start when the first file is analysed. Who builds it closes it.
    """
    anchors = None
    try:
        anchors = read_anchors(trust_anchors)
    except ValueError as problem:
        _log.warning("DEEPFAKE_TRUST_ANCHORS=%r is of no use: %s; trusting nobody", trust_anchors, problem)
    frames = FFmpegFrames(FFmpeg(lambda: find_tools(ffmpeg_path)))
    return Analyst(read, start_pool(min(usable_cores(), _MOST)), results, anchors, scorer, frames)
