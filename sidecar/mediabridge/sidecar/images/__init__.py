"""Derived pictures: decode -> upright sRGB pixels -> presets. Knows no HTTP; decodes in child processes alone.

Read `render.py` first: the one way from a file to its derived pictures.
"""

from .errors import (
    BrokenPicture,
    CannotFit,
    DecoderDied,
    NoPicture,
    NoPreview,
    Overloaded,
    PictureError,
    TooHard,
    TooManyPixels,
)  # fmt: skip
from .make import LIMITS, Pictures, start_pool
from .perceptual import NotAHashError, PerceptualHash
from .presets import PERCEPTUAL, PRESETS, Made, Preset, parse, table
from .raw import ExifToolPreview, Preview, RawPreview

__all__ = [
    "LIMITS",
    "PERCEPTUAL",
    "PRESETS",
    "BrokenPicture",
    "CannotFit",
    "DecoderDied",
    "ExifToolPreview",
    "Made",
    "NoPicture",
    "NoPreview",
    "NotAHashError",
    "Overloaded",
    "PerceptualHash",
    "PictureError",
    "Pictures",
    "Preset",
    "Preview",
    "RawPreview",
    "TooHard",
    "TooManyPixels",
    "parse",
    "start_pool",
    "table",
]
