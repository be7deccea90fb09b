"""A model as it is kept: a JSON document of numbers, checked when it is loaded. No pickle: loading runs nothing.

It is a logistic regression on clipped and standardised features with Platt's calibration on top (Platt 1999), both
linear in the logit, so that every feature's share of a score is exact.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import features
from .basics import BASE_RATE

Array = NDArray[np.float64]
INTERCEPT = "intercept"
_ENDS = (5.0, 95.0)  # of the interval, in percent


@dataclass(frozen=True, slots=True)
class Score:
    """`logit` is the sum of all contributions (`feature`, `group`, `value`, `contribution`), the intercept among them.

    `probability` that the file is one of those that were labelled fake, when fakes make up `base_rate`; `interval` of
    90 % over the training's bootstrap. `novelty` of 1 is the limit of what the model knows.
    """

    probability: float
    interval: tuple[float, float]
    logit: float
    contributions: tuple[dict[str, Any], ...]
    in_domain: bool
    novelty: float
    version: str
    base_rate: float = BASE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """All arrays are of the features in the order of `names`.

    `low`, `high`: where a feature is clipped; `centre`, `scale`: its mean and deviation then; `weights`, `bias`: of the
    regression; `slope`, `offset`: Platt's; `draws`: the weights and the bias of each bootstrap draw; `axes`, `spread`,
    `rest`, `reach`: what is known, as principal axes, the variances along them and beside them, and the largest
    distance; `threshold_low`, `threshold_high`: probabilities.
    """

    feature_version: int
    names: tuple[str, ...]
    low: Array
    high: Array
    centre: Array
    scale: Array
    weights: Array
    bias: float
    slope: float
    offset: float
    draws: Array
    axes: Array
    spread: Array
    rest: float
    reach: float
    threshold_low: float
    threshold_high: float
    trained: Mapping[str, Any]  # `real`, `fake`, `at`, `data` (hash), `strength`, `cvAuc`

    def standardised(self, rows: Array) -> Array:
        """Rows of features, clipped and scaled."""
        found: Array = (np.clip(rows, self.low, self.high) - self.centre) / self.scale
        return found

    def probabilities(self, rows: Array) -> Array:
        """Calibrated; for many rows at once."""
        return sigmoid(self.slope * (self.standardised(rows) @ self.weights + self.bias) + self.offset)

    def novelty(self, row: Array) -> float:
        """How far a file is from those of the training, against the reach of 1."""
        return float(distances(self.standardised(row[None]), self.axes, self.spread, self.rest)[0] / self.reach)

    def score(self, row: Array, version: str) -> Score:
        """The score of one file. The same model and features give the same bits."""
        standard = self.standardised(row[None])[0]
        shares = self.slope * self.weights * standard
        fixed = self.slope * self.bias + self.offset
        logit = math.fsum([*shares.tolist(), fixed])
        drawn = (self.draws[:, :-1] * standard).sum(1) + self.draws[:, -1]
        ends = np.percentile(sigmoid(self.slope * drawn + self.offset), _ENDS)
        probability = float(sigmoid(np.array([logit]))[0])
        order = np.argsort(-np.abs(shares), kind="stable")
        told = [_contribution(INTERCEPT, 1.0, fixed)]
        told += [_contribution(self.names[at], float(row[at]), float(shares[at])) for at in order]
        novelty = self.novelty(row)
        return Score(
            probability=probability,
            interval=(min(float(ends[0]), probability), max(float(ends[1]), probability)),
            logit=logit,
            contributions=tuple(told),
            in_domain=novelty <= 1,
            novelty=round(novelty, 3),
            version=version,
        )

    def to_json(self) -> str:
        """The document; numbers in full, so that nothing is lost."""
        told = {name: _plain(value) for name, value in asdict(self).items()}
        return json.dumps(told, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Model:
        """What `to_json` made. Raises `ValueError` when it is no whole and sound model of these features."""
        try:
            told = json.loads(text)
            values = {one.name: _value(one.name, told[one.name]) for one in fields(cls)}
            model = cls(**values)
        except (KeyError, TypeError, AttributeError) as problem:
            msg = f"the model is not whole ({type(problem).__name__}: {problem})"
            raise ValueError(msg) from problem
        model.check()
        return model

    def check(self) -> None:
        """Raises `ValueError`."""
        count = len(self.names)
        if self.feature_version != features.VERSION or self.names != features.names():
            msg = f"the model is for features of version {self.feature_version}; these are of {features.VERSION}"
            raise ValueError(msg)
        shapes = {name: getattr(self, name).shape for name in ("low", "high", "centre", "scale", "weights")}
        if any(shape != (count,) for shape in shapes.values()) or self.draws.shape[1:] != (count + 1,):
            msg = f"the model's arrays do not fit its {count} features"
            raise ValueError(msg)
        if self.axes.shape != (len(self.spread), count) or not len(self.draws):
            msg = "the model's axes or draws do not fit its features"
            raise ValueError(msg)
        arrays = [getattr(self, one.name) for one in fields(self) if one.name in _ARRAYS + _NUMBERS]
        if not all(np.isfinite(values).all() for values in arrays):
            msg = "the model holds a number that is not finite"
            raise ValueError(msg)
        if (self.scale <= 0).any() or (self.spread <= 0).any() or self.rest <= 0 or self.reach <= 0:
            msg = "the model holds a scale that is not positive"
            raise ValueError(msg)


_ARRAYS = ("low", "high", "centre", "scale", "weights", "draws", "axes", "spread")
_NUMBERS = ("bias", "slope", "offset", "rest", "reach", "threshold_low", "threshold_high")


def sigmoid(logits: Array) -> Array:
    """From logits to probabilities, without overflow."""
    small = np.exp(-np.abs(logits))
    found: Array = np.where(logits >= 0, 1 / (1 + small), small / (1 + small))
    return found


def distances(standard: Array, axes: Array, spread: Array, rest: float) -> Array:
    """Along the principal axes and beside them, each against its own spread (Mahalanobis, with a remainder)."""
    along = standard @ axes.T
    beside = np.maximum((standard**2).sum(1) - (along**2).sum(1), 0)
    found: Array = np.sqrt((along**2 / spread).mean(1) + beside / rest)
    return found


def _contribution(name: str, value: float, share: float) -> dict[str, Any]:
    return {"feature": name, "group": name.partition(".")[0], "value": value, "contribution": share}


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _value(name: str, told: Any) -> Any:
    if name in _ARRAYS:
        return np.array(told, dtype=np.float64)
    if name in _NUMBERS:
        return float(told)
    return tuple(told) if name == "names" else told
