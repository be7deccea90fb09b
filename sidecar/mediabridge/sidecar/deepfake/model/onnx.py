"""A detector of the operator's own, as an ONNX file: further evidence, never a verdict. It runs in a child process.

Beside `detector.onnx` lies `detector.json`, its card; see `Card` and docs/deepfake_model.md. What the detector gives is
a raw value: whether it is good for anything is measured on the golden set.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mediabridge.sidecar.isolated import IsolationError, Limits, Runner

TASK = "mediabridge.sidecar.deepfake.model.onnx_work:judge"
FACT = "externalModel"  # the fact of a sample that holds the detector's value
LIMITS = Limits(seconds=30, memory_bytes=4 * 1024**3)
_MOST_SIDE = 2048
_CHANNELS = 3
_CAVEAT = (
    "The operator's own detector; its value is not calibrated, and says nothing until it is measured on the golden set."
)


@dataclass(frozen=True, slots=True)
class Card:
    """How pictures come to the detector. `size`: width and height; pixels are divided by 255, then `mean` is taken off
    and the rest divided by `std`, channel by channel; `layout` `NCHW` or `NHWC`. `output`: its name, the first one when
    empty; `fake`: the index of the value that grows with "fake"; `activation` makes it a number of 0 to 1.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    layout: str = "NCHW"
    output: str = ""
    fake: int = 0
    activation: str = "none"  # or `sigmoid`, `softmax`
    name: str = ""
    statement: str = ""  # what it was trained on, as its makers say

    @classmethod
    def read(cls, path: Path) -> Card:
        """The card of a model at `path`; all defaults when there is none. Raises `ValueError` with what is wrong."""
        file = path.with_suffix(".json")
        try:
            told: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
            if unknown := [name for name in told if name not in cls.__slots__]:
                msg = f"its card {file.name} has fields that it does not know: {', '.join(unknown)[:200]}"
                raise ValueError(msg)
            values: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
            card = cls(**values)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, TypeError, AttributeError) as problem:
            msg = f"its card {file.name} cannot be read ({problem})"
            raise ValueError(msg) from problem
        card.check()
        return card

    def check(self) -> None:
        """Raises `ValueError`."""
        sides = isinstance(self.size, tuple) and [type(side) for side in self.size] == [int, int]
        sides = sides and all(1 <= side <= _MOST_SIDE for side in self.size)
        fits = {
            "size": sides,
            "mean": _numbers(self.mean),
            "std": _numbers(self.std) and 0 not in self.std,
            "layout": self.layout in ("NCHW", "NHWC"),
            "output": isinstance(self.output, str),
            "fake": isinstance(self.fake, int),
            "activation": self.activation in ("none", "sigmoid", "softmax"),
        }
        if wrong := [name for name, fine in fits.items() if not fine]:
            msg = f"its card has a value that cannot be: {', '.join(wrong)}"
            raise ValueError(msg)


def _numbers(values: object) -> bool:
    """Whether there is one for each channel."""
    return (
        isinstance(values, tuple)
        and len(values) == _CHANNELS
        and all(isinstance(value, int | float) for value in values)
    )


class Detector:
    """`path`: of the ONNX file (DEEPFAKE_ONNX), None for none. Threads may share it."""

    def __init__(self, path: str | None, limits: Limits = LIMITS) -> None:
        self._path = Path(path).expanduser() if path else None
        self._limits = limits
        self._runner = Runner(1)
        self._known: tuple[tuple[int, int], str] | None = None

    @property
    def configured(self) -> bool:
        """Whether the operator has named one."""
        return self._path is not None

    def problem(self) -> str | None:
        """Why it cannot run, as a clause; None when nothing is known against it."""
        if self._path is None:
            return "DEEPFAKE_ONNX names no model"
        if not self._path.is_file():
            return "the file that DEEPFAKE_ONNX names is not there"
        if importlib.util.find_spec("onnxruntime") is None:
            return "onnxruntime is not installed: pip install 'mediabridge[onnx]'"
        try:
            Card.read(self._path)
        except ValueError as problem:
            return str(problem)
        return None

    def describe(self) -> dict[str, Any]:
        """For `stats`."""
        problem = self.problem()
        told = {"configured": self.configured, "available": problem is None, "problem": problem}
        if problem is None:
            try:
                return {**told, "model": self._digest()}
            except OSError as reason:
                return {**told, "available": False, "problem": f"its file cannot be read ({reason.strerror})"}
        return told

    def _digest(self) -> str:
        """The SHA-256 of the file, read again when it has changed."""
        assert self._path is not None  # noqa: S101  who calls has asked
        state = self._path.stat()
        mark = (state.st_mtime_ns, state.st_size)
        if self._known is None or self._known[0] != mark:
            with self._path.open("rb") as file:
                self._known = (mark, hashlib.file_digest(file, "sha256").hexdigest())
        return self._known[1]

    def judge(self, picture: Path) -> dict[str, Any]:
        """The evidence `external_model` for a picture; raises nothing. The picture is decoded in the child.

        `value.raw` goes into the facts of the sample (under `FACT`), so that the golden set can tell what it is worth.
        """
        problem = self.problem()
        if self._path is None or problem is not None:
            return _evidence("not_applicable", f"Not applicable: {problem}.")
        card = Card.read(self._path)
        request = {"model": str(self._path.resolve()), "card": asdict(card), "picture": str(picture)}
        try:
            found = self._runner.run(TASK, request, self._limits)
        except IsolationError as reason:
            return _evidence("error", f"No result: {str(reason).rstrip('.')}.")
        name = card.name or "The operator's detector"
        finding = f"{name} gives {found['raw']:.4g}, where more means fake."
        return _evidence("found", finding, {**found, "calibrated": False, "statement": card.statement})


def _evidence(status: str, finding: str, value: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "id": "external_model",
        "kind": "external_model",
        "status": status,
        "finding": finding,
        "method": "ONNX model of the operator (DEEPFAKE_ONNX), in a child process",
        "caveat": _CAVEAT,
        "direction": "neutral",
        "strength": "weak" if status == "found" else None,
        "value": dict(value or {}),
    }
