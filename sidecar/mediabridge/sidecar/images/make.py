"""Derived pictures of one file, made in a child process. What the rest of the sidecar calls."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mediabridge.sidecar.isolated import (
    AnsweredTooMuch,
    Died,
    IsolationError,
    Limits,
    NoRoom,
    NotStarted,
    OutOfMemory,
    Pool,
    TaskFailed,
    TookTooLong,
    Wear,
)  # fmt: skip

from .errors import (
    TOLD_BY_THE_CHILD,
    BrokenPicture,
    DecoderDied,
    NoPicture,
    NoPreview,
    Overloaded,
    PictureError,
    RawPicture,
    TooHard,
)  # fmt: skip
from .presets import Made, Preset, fields_of, optimised
from .raw import Preview, RawPreview

Out = Callable[[Made, bytes], None]
_TASK = "mediabridge.sidecar.images.render:work"
LIMITS = Limits(seconds=60.0, memory_bytes=1280 * 1024**2, output_bytes=256 * 1024**2, file_bytes=1024**2)
WEAR = Wear(questions=2000, resident_bytes=320 * 1024**2)
_MEANS: dict[type[IsolationError], type[PictureError]] = {
    NoRoom: Overloaded,
    NotStarted: Overloaded,
    TookTooLong: TooHard,
    OutOfMemory: TooHard,
    AnsweredTooMuch: TooHard,
    Died: DecoderDied,
}


def start_pool(most: int = 2, limits: Limits = LIMITS) -> Pool:
    """Children that decode. Each holds about 40 MB, and while it works 150 MB for 12 megapixels, `limits` at most."""
    return Pool(_TASK, most, limits, WEAR)


def own_path() -> Path:
    """A path for a file that is made and removed again; a process that is killed meanwhile leaves it."""
    handle, name = tempfile.mkstemp(prefix="mediabridge-")
    os.close(handle)
    return Path(name)


class Pictures:
    """Threads may share it. `raw_preview` fetches what is shown of a RAW file, `video_poster` of a video.

    Without them such files are refused. A poster is None for what is no video; other failures are its own. `new_path`
    says where a preview may lie while it is decoded. `refuse` is called before anything is, and raises when there is no
    memory for it.
    """

    def __init__(
        self,
        pool: Pool,
        raw_preview: RawPreview | None = None,
        video_poster: RawPreview | None = None,
        new_path: Callable[[], Path] = own_path,
        refuse: Callable[[], None] = lambda: None,
    ) -> None:
        self._pool = pool
        self._raw_preview = raw_preview
        self._video_poster = video_poster
        self._new_path = new_path
        self._refuse = refuse

    def make(self, path: Path, presets: Iterable[Preset], out: Out) -> dict[str, Made]:
        """Make all presets of a file from one decode; `out` is given each one when it is ready, the largest first.

        Never enlarges. Raises a `PictureError`; what `out` was given before that is good.
        """
        wanted = {preset.name: preset for preset in presets}
        if not wanted:
            return {}
        self._refuse()
        try:
            return self._ask(path, wanted, out, None)
        except RawPicture:
            preview = self._preview(path)
        except NoPicture:
            poster = self._video_poster(path) if self._video_poster else None
            if poster is None:
                raise
            preview = poster
        with self._as_file(preview) as file:
            return self._ask(file, wanted, out, preview.turn)

    def optimize(
        self, path: Path, max_size: int = 2048, quality: int = 85, max_bytes: int | None = None
    ) -> tuple[Made, bytes]:
        """A JPEG of at most `max_size` pixels a side; never enlarged.

        With `max_bytes`, quality is lowered until it fits, and then the size. Raises `ValueError`, naming the argument,
        or a `PictureError` (`CannotFit` among them).
        """
        results: list[tuple[Made, bytes]] = []
        self.make(path, [optimised(max_size, quality, max_bytes)], lambda made, data: results.append((made, data)))
        return results[0]

    def close(self) -> None:
        """End the children."""
        self._pool.close()

    def _ask(self, path: Path, wanted: dict[str, Preset], out: Out, turn: int | None) -> dict[str, Made]:
        request = {"path": str(path), "presets": [fields_of(preset) for preset in wanted.values()], "turn": turn}
        made: dict[str, Made] = {}
        with _told():
            for answer, data in self._pool.stream(request):
                one = _made(wanted[answer["preset"]], answer, data)
                out(one, data)
                made[one.preset] = one
        return made

    def _preview(self, path: Path) -> Preview:
        preview = self._raw_preview(path) if self._raw_preview else None
        if preview is None:
            msg = "its own pixels cannot be decoded (is it a RAW file?), and no embedded preview could be read from it"
            raise NoPreview(msg)
        return preview

    @contextmanager
    def _as_file(self, preview: Preview) -> Iterator[Path]:
        path = self._new_path()
        try:
            path.write_bytes(preview.data)
            yield path
        except RawPicture as problem:
            msg = "its embedded preview is a RAW file again"
            raise BrokenPicture(msg) from problem
        finally:
            path.unlink(missing_ok=True)


def _made(preset: Preset, answer: Any, data: bytes) -> Made:
    return Made(
        preset=preset.name,
        mime_type=preset.mime_type,
        extension=preset.extension,
        width=answer["width"],
        height=answer["height"],
        quality=answer["quality"],
        size=len(data),
    )


@contextmanager
def _told() -> Iterator[None]:
    """What went wrong in the child, as an error of ours."""
    try:
        yield
    except TaskFailed as problem:
        kind = TOLD_BY_THE_CHILD.get(problem.type_name)
        if kind is None:  # a bug of ours or of a library; the file is what made it show
            raise BrokenPicture(str(problem)) from problem
        raise kind(problem.words) from problem
    except IsolationError as problem:
        raise _MEANS[type(problem)](str(problem)) from problem
