"""THE way from a file to derived pictures: decode -> upright sRGB pixels -> encode. For the child process.

One decode serves all presets: the largest is made from the decoded pixels, each other from the next larger one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from .colour import eight_bit, to_srgb, without_idle_alpha
from .decode import Decoded, decode, exif_of, upright
from .encode import Encoded, encode
from .presets import Preset, Size, preset_of
from .resize import resized

_T = Image.Transpose
_TURNS = {
    2: _T.FLIP_LEFT_RIGHT, 3: _T.ROTATE_180, 4: _T.FLIP_TOP_BOTTOM, 5: _T.TRANSPOSE,
    6: _T.ROTATE_270, 7: _T.TRANSVERSE, 8: _T.ROTATE_90,
}  # fmt: skip  # EXIF orientation -> what makes it upright


def work(request: Any) -> Iterator[tuple[Any, bytes]]:
    """The child's task: `{"path", "presets", "turn"}` -> what was made and its bytes, a preset at a time."""
    presets = [preset_of(fields) for fields in request["presets"]]
    for preset, made in render(Path(request["path"]), presets, request["turn"]):
        width, height = made.size
        yield {"preset": preset.name, "width": width, "height": height, "quality": made.quality}, made.data


def render(path: Path, presets: Iterable[Preset], turn: int | None = None) -> Iterator[tuple[Preset, Encoded]]:
    """Each preset's file, the largest first. `turn`: the orientation, where the file says none itself.

    Raises a `PictureError`.
    """
    wanted = list(presets)
    decoded = decode(path, lambda size: _largest(wanted, size), turn)
    size = decoded.size
    wanted.sort(key=lambda preset: preset.size_for(size), reverse=True)
    exifs = {preset.name: exif_of(decoded.picture, preset.keep) for preset in wanted}
    pixels = upright_srgb(decoded, _largest(wanted, size))
    del decoded
    made: list[Image.Image] = [pixels]
    for preset in wanted:
        made.append(resized(_next_larger(made, preset.size_for(size)), preset.size_for(size)))
        yield preset, encode(made[-1], preset, exifs[preset.name])


def upright_srgb(decoded: Decoded, size: Size) -> Image.Image:
    """L, RGB or RGBA in sRGB, upright, of `size`. Resampling comes first: the rest then has less to do."""
    profile = decoded.picture.info.get("icc_profile")
    small = resized(eight_bit(decoded.picture), upright(size, decoded.turn))
    plain = without_idle_alpha(to_srgb(small, profile))
    return plain.transpose(_TURNS[decoded.turn]) if decoded.turn in _TURNS else plain


def _largest(presets: Iterable[Preset], size: Size) -> Size:
    """A size from which all presets of a picture of `size` can be made; all keep its proportions."""
    sizes = [preset.size_for(size) for preset in presets]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _next_larger(pictures: list[Image.Image], size: Size) -> Image.Image:
    fitting = [one for one in pictures if one.width >= size[0] and one.height >= size[1]]
    return min(fitting, key=lambda one: one.width * one.height)
