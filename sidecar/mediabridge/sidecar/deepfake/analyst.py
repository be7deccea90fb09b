"""One file -> its analysis. What the rest of the sidecar calls; knows no HTTP.

Read `verdict.py` first: what may be said at all. All that is read of a file is gathered in a child (`work.py`), is a
function of its bytes and of the settings, and is cached; the verdict and the score are made anew each time.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

from mediabridge.sidecar import requestid
from mediabridge.sidecar.analysis.model import Facts
from mediabridge.sidecar.cache import ResultCache
from mediabridge.sidecar.extraction.answer import Gone, Subject, elapsed_ms
from mediabridge.sidecar.extraction.extract import Reading, show
from mediabridge.sidecar.faults import ClientGone, UnreadableFile, UnsupportedMedia
from mediabridge.sidecar.isolated import Pool

from .answer import Asked, answer_of
from .frames import Frames
from .gather import Tick, gather, gather_video
from .gathered import Gathered
from .kept import Kept
from .model.onnx import FACT
from .scoring import NoModel, Scorer
from .steps import Depth, MediaType, chosen

Json = Any
_NOBODY = "the file"  # stands for its name: what is gathered is shared by all names
_PICTURES = frozenset({"application/vnd.adobe.photoshop"})  # pictures by another name
_SUPPORTED = "Pictures and videos are analysed; send one of them."
_CHECK = "Check that the file opens in a viewer, and send it again. What could be found is under 'partial'."
_PIECE = 1024 * 1024

_SMALLER = (
    "Save it in a smaller size or another format, and send that; a broken file may claim a size that it has not. "
    "What could be found is under 'partial'."
)


class Read(Protocol):
    """Reads one file's metadata; raises a `Fault`."""

    def __call__(self, file: Subject, gone: Gone | None, /) -> tuple[Reading, bool]:
        """The reading, and whether it was there already."""


@dataclass(frozen=True, slots=True)
class _Local:
    """A file that is no upload."""

    path: Path
    name: str
    size: int
    sha256: str
    extension: str


@dataclass(frozen=True, slots=True)
class Analyst:
    """Threads may share it. `anchors`: PEM certificates of signers whom the operator trusts, None for none.

    `frames` takes frames out of videos; without it none are shown.
    """

    read: Read
    pool: Pool
    results: ResultCache
    anchors: str | None = None
    scorer: Scorer = field(default_factory=NoModel)
    frames: Frames | None = None

    def analyse(
        self,
        file: Subject,
        depth: Depth = "quick",
        *,
        maps: bool = False,
        tick: Tick | None = None,
        gone: Gone | None = None,
    ) -> dict[str, Json]:
        """The answer for one file. `gone` says whether the client has left, `tick` is told of progress.

        Raises `UnsupportedMedia` for what is neither picture nor video, `UnreadableFile` for a broken picture (with
        what was found all the same), `EngineBusy`, `ClientGone`, and what reading and `tick` raise.
        """
        started = time.monotonic()
        reading, _ = self.read(file, gone)
        show(reading, file.name, lambda _: True)  # raises for what is mistyped or cannot be read
        media_type = media_type_of(reading.mime_type)
        read_ms = elapsed_ms(started)
        asked = Asked(file.sha256, media_type, depth, maps, self.anchors is not None, reading.engine_name)
        gathered, cached = self._gathered(file, reading, asked, partial(_progress, tick, gone), gone)
        if gathered.broken is not None:
            raise _unreadable(file.name, gathered)
        self._ask_another(file.path, asked, gathered)
        told = answer_of(requestid.make(), asked, gathered, self.scorer)
        self._record(told, gathered)
        timings = {"readMs": read_ms, "totalMs": elapsed_ms(started), "stepsMs": gathered.timings}
        return {**told, "cached": cached, "timings": timings}

    def full(
        self,
        path: Path,
        report: Tick,
        check: Callable[[], object],
        *,
        name: str | None = None,
        maps: bool = True,
    ) -> dict[str, Json]:
        """The answer in full depth for a file at `path`: for a worker. `check` raises when it has to stop.

        `name`: what the user calls it, whose extension counts. Raises as `analyse` does.
        """
        called = name or path.name
        extension = called.rpartition(".")[2].lower() if "." in called else ""
        file = _Local(path, called, path.stat().st_size, _digest(path, check), extension)

        def tick(done: int, total: int) -> None:
            check()
            report(done, total)

        return self.analyse(file, "full", maps=maps, tick=tick)

    def forget(self, sha256: str) -> None:
        """Remove what was gathered of a file from the cache."""
        Kept(self.results).forget(sha256)

    def close(self) -> None:
        """End the children."""
        self.pool.close()

    def _gathered(
        self, file: Subject, reading: Reading, asked: Asked, tick: Tick, gone: Gone | None
    ) -> tuple[Gathered, bool]:
        request = {
            "path": str(file.path),
            "mime": reading.mime_type,
            "metadata": reading.metadata,
            "facts": Facts(_NOBODY, file.extension, file.sha256, datetime.fromtimestamp(0, UTC)).to_json(),
            "anchors": self.anchors,
            "maps": asked.maps,
        }
        steps = chosen(asked.depth, asked.media_type, maps=asked.maps)
        stamp = self._stamp(reading, asked)
        return Kept(self.results).get_or_gather(asked, stamp, lambda: self._gather(request, steps, asked, tick), gone)

    def _gather(self, request: dict[str, Json], steps: tuple[str, ...], asked: Asked, tick: Tick) -> Gathered:
        if asked.media_type == "video":
            return gather_video(self.pool, self.frames, request, steps, asked.depth, tick)
        return gather(self.pool, request, steps, tick)

    def _stamp(self, reading: Reading, asked: Asked) -> str:
        """Of all that what is gathered depends on, beside the file and what is asked of it."""
        trusted = hashlib.sha256((self.anchors or "").encode()).hexdigest()
        return f"{asked.reader} {reading.engine_version} {trusted} {_code()}"

    def _ask_another(self, path: Path, asked: Asked, gathered: Gathered) -> None:
        """The operator's own detector: further evidence, and a fact for the day on which it is measured."""
        piece = self.scorer.second_opinion(path) if asked.media_type == "image" and gathered.format else None
        if piece is None:
            return
        gathered.evidence = [*gathered.evidence, piece]  # also that it could not be asked, and why
        if piece["status"] == "found":
            gathered.format = {**(gathered.format or {}), FACT: piece["value"]}

    def _record(self, told: Mapping[str, Json], gathered: Gathered) -> None:
        created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.scorer.record(
            told["analysisId"], told["sha256"], told["mediaType"], gathered.features or {}, gathered.format or {},
            told["verdict"], created,
        )  # fmt: skip


def media_type_of(mime: str) -> MediaType:
    """Raises `UnsupportedMedia` for what is neither a picture nor a video."""
    kind = mime.partition("/")[0]
    if kind == "image" or mime in _PICTURES:
        return "image"
    if kind == "video":
        return "video"
    msg = f"file: it holds {mime}, which is neither a picture nor a video."
    raise unsupported(msg)


def unsupported(message: str) -> UnsupportedMedia:
    """The error for what is neither, with what is."""
    return UnsupportedMedia(message, _SUPPORTED, supported=("image/*", "video/*"))


def _progress(tick: Tick | None, gone: Gone | None, done: int, total: int) -> None:
    if gone is not None and gone():
        msg = "The client left before the answer was ready."
        raise ClientGone(msg)
    if tick is not None:
        tick(done, total)


def _unreadable(name: str, gathered: Gathered) -> UnreadableFile:
    msg = f"{name} cannot be analysed: {gathered.broken}."
    what_to_do = _SMALLER if gathered.out_of_memory else _CHECK
    return UnreadableFile(msg, what_to_do, partial={"metadata": {}, "warnings": [], "evidence": gathered.evidence})


def _digest(path: Path, check: Callable[[], object]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            check()
    return digest.hexdigest()


@cache
def _code() -> str:
    """A digest of the modules that gather: changed code must not find what the old one made."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for folder in (here, *map(here.with_name, ("analysis", "containers", "images", "video"))):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
