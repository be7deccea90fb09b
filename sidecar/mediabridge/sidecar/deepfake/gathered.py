"""All that was gathered of one file, as it is cached: without a verdict, which depends on the model. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .evidence import Evidence, without_result
from .steps import DECODE, FEATURES, KINDS, STEPS

Json = Any
_PIXELS = frozenset(step.id for step in STEPS if step.pixels)
# Pictures that are whole, but whose pixels are not judged; any other problem of the decoding means that it is broken.
_NOT_JUDGED = frozenset({"NoPicture", "RawPicture", "TooLargeError"})
# A limit of ours: in the child itself, and of a child that died of it. The file may be whole, or claim what it has not.
_OUT_OF_MEMORY = frozenset({"MemoryError", "OutOfMemory"})
_MEMORY_WORDS = "its pixels need more memory than the limit of a decoder"
_WORDS = {"RawPicture": "it is sensor data of a camera (RAW), or a TIFF of a kind that is not decoded"}


@dataclass(slots=True)
class Gathered:
    """`timings`: step -> milliseconds. `problem`: why nothing was decoded (`kind`, `reason`). `no_frames`: why there
    are none of a video, as a sentence. `whole`: nothing was cut short by a limit; the next run would give the same.
    """

    evidence: list[dict[str, Json]] = field(default_factory=list)
    maps: list[dict[str, Json]] = field(default_factory=list)
    frames: list[dict[str, Json]] | None = None
    features: dict[str, float] | None = None
    unscored: str | None = None
    format: dict[str, Json] | None = None
    problem: dict[str, str] | None = None
    no_frames: str | None = None
    timings: dict[str, float] = field(default_factory=dict)
    whole: bool = True

    def add(self, told: Mapping[str, Json], data: bytes) -> None:
        """Take a step's result as `work` gives it."""
        self.timings[told["step"]] = told["ms"]
        if "evidence" in told:
            self._take(told["step"], told["evidence"])
        if "map" in told:
            self.maps.append({**told["map"], "data": base64.b64encode(data).decode("ascii")})
        if told["step"] == FEATURES and "features" in told:
            self.features, self.unscored = told["features"], told["unscored"]
        self.format = told.get("format", self.format)
        self.problem = told.get("problem", self.problem)
        self.whole = self.whole and not self.out_of_memory

    def lose(self, steps: Iterable[str], kind: str, reason: str) -> None:
        """Steps that ended with their process: `kind` is the error's name, `reason` a clause."""
        self.whole = False
        for step in steps:
            if step == DECODE:
                self.problem = {"kind": kind, "reason": reason}
            else:
                self._take(step, without_result(step, KINDS[step], "error", reason).to_json())

    def take_frames(self, mime: str) -> None:
        """What a model is given of a video: the mean of its frames' features, and the form of its file."""
        from .model.features import mean  # noqa: PLC0415  numpy: 0.1 s that a sidecar without videos does not need

        frames = [frame for frame in self.frames or [] if frame["features"]]
        if frames:
            self.features = mean(frame["features"] for frame in frames)
            self.format = {"format": mime, "perceptualHash": frames[len(frames) // 2]["perceptualHash"]}

    def _take(self, step: str, piece: dict[str, Json]) -> None:
        """What failed to give features is no evidence."""
        if step == FEATURES:
            self.unscored = "unsupported_content"
        else:
            self.evidence.append(piece)

    @property
    def pieces(self) -> tuple[Evidence, ...]:
        """The evidence."""
        return tuple(map(Evidence.from_json, self.evidence))

    @property
    def out_of_memory(self) -> bool:
        """Whether the decoding came to the limit of memory, rather than to broken data."""
        return self.problem is not None and self.problem["kind"] in _OUT_OF_MEMORY

    @property
    def broken(self) -> str | None:
        """Why the picture cannot be decoded though it should, as a clause; None when it can."""
        if self.problem is None or self.problem["kind"] in _NOT_JUDGED:
            return None
        if self.out_of_memory:
            return _MEMORY_WORDS
        return self.problem["reason"] or self.problem["kind"]

    @property
    def not_judged(self) -> str | None:
        """Why the pixels of a picture that is whole were not measured, as a clause."""
        if self.problem is None or self.broken:
            return None
        return _WORDS.get(self.problem["kind"]) or self.problem["reason"]

    def to_json(self) -> dict[str, Json]:
        """For the cache; see `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Json]) -> Gathered:
        """What `to_json` made."""
        return cls(**stored)


def lost_with(steps: list[str], *, alone: bool) -> tuple[list[str], list[str]]:
    """Which steps are lost with a process that ended at the first of them, and which have a chance of their own.

    `alone`: whether the others may be tried. Where the decoding ended it, all that needs pixels would end the same way.
    """
    if not alone:
        return steps, []
    first = steps[0]
    lost = [step for step in steps if step == first or (first == DECODE and step in _PIXELS)]
    return lost, [step for step in steps if step not in lost]
