"""How making a picture can fail.

PictureError
├── NoPicture        content that no decoder of ours claims, or an empty file
├── TooManyPixels    its header claims more pixels than are decoded; none was
├── BrokenPicture    of a known format, but its data is damaged
├── NoPreview        a RAW or odd TIFF file without an embedded picture (or nobody who could fetch it)
├── CannotFit        no quality and no size brings it under the byte limit that was asked for
├── TooHard          decoding it took too long or needed too much memory
├── DecoderDied      the decoder crashed; its process was replaced
└── Overloaded       no process was free
"""

from __future__ import annotations


class PictureError(Exception):  # noqa: D101  see above; `str()` is a clause in plain words about the file
    pass


class NoPicture(PictureError):  # noqa: D101, N818
    pass


class TooManyPixels(PictureError):  # noqa: D101, N818
    pass


class BrokenPicture(PictureError):  # noqa: D101, N818
    pass


class NoPreview(PictureError):  # noqa: D101, N818
    pass


class CannotFit(PictureError):  # noqa: D101, N818
    pass


class TooHard(PictureError):  # noqa: D101, N818
    pass


class DecoderDied(PictureError):  # noqa: D101, N818
    pass


class Overloaded(PictureError):  # noqa: D101, N818
    pass


class RawPicture(PictureError):  # noqa: N818
    """Sensor data: its embedded preview is what can be shown. Never leaves this package."""


TOLD_BY_THE_CHILD = {kind.__name__: kind for kind in (NoPicture, TooManyPixels, BrokenPicture, CannotFit, RawPicture)}
