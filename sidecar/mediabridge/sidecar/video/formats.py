"""What FFmpeg may open: which protocol, which containers, which decoders, how many pixels. Pure.

Left to itself it follows what a file names: a playlist, a concat script or an SDP file opens other files and addresses
(FFmpeg's own security page; CVE-2016-1897 and 1898 read local files that way). Only demuxers of this list are let in,
and none of them opens anything but the file itself.
"""

from __future__ import annotations

from mediabridge.sidecar.storage.types import HEAD, SUPPORTED, type_of

TYPES = tuple(kind for kind in SUPPORTED if kind.startswith("video/"))
MOST_PIXELS = 8192 * 8192  # of a frame; 8K has half of that
_DEMUXERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "asf", "flv", "ogg")
_VIDEO = (
    "h264", "hevc", "vvc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "libaom-av1", "mpeg1video",
    "mpeg2video", "mpeg4", "mjpeg", "prores", "dnxhd", "theora", "h263", "h263i", "flv", "vp6", "vp6f", "vp6a", "wmv1",
    "wmv2", "wmv3", "vc1", "msmpeg4", "msmpeg4v1", "msmpeg4v2", "dvvideo", "rawvideo", "svq1", "svq3", "cinepak", "png",
    "ffv1", "huffyuv", "jpeg2000",
)  # fmt: skip
_AUDIO = (
    "aac", "mp3", "mp3float", "mp2", "mp2float", "ac3", "eac3", "opus", "libopus", "vorbis", "libvorbis", "flac",
    "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_u8", "wmav1", "wmav2", "amrnb", "amrwb",
)  # fmt: skip
INPUT = (
    "-protocol_whitelist", "file",
    "-format_whitelist", ",".join(_DEMUXERS),
    "-codec_whitelist", ",".join((*_VIDEO, *_AUDIO)),
    "-max_pixels", str(MOST_PIXELS),
    "-threads", "1",
)  # fmt: skip  # options before the name of a file, of ffmpeg and ffprobe alike


def is_video(head: bytes) -> bool:
    """Whether a file that begins so is a video of a kind that is stored; the first `HEAD` bytes are looked at."""
    return type_of(head[:HEAD], b"", "") in TYPES
