"""Fits a model with scikit-learn. For the child process of a retraining alone: nothing that serves imports it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from . import features, measures
from .document import Array, Model, distances, sigmoid

STRENGTHS = (0.002, 0.01, 0.05)  # C of scikit-learn: the smaller, the stronger the regularisation
DRAWS = 50
FOLDS = 5
_CUT = (0.5, 99.5)  # percentiles at which features are clipped
_FALSE_ALARMS, _MISSED = 0.98, 0.05  # where the thresholds lie among real and fake files, out of fold
_AXES = 20
_KNOWN = 95  # percent of the training's own files that are in the domain
_LITTLE = 1e-9
_ROUNDS = 400
Groups = NDArray[np.intp]
Tell = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Scaling:
    """Clips and standardises."""

    low: Array
    high: Array
    centre: Array
    scale: Array

    @classmethod
    def of(cls, rows: Array) -> Scaling:
        """Learnt from rows."""
        low, high = np.percentile(rows, _CUT, axis=0)
        clipped = np.clip(rows, low, high)
        return cls(low, high, clipped.mean(0), np.maximum(clipped.std(0), _LITTLE))

    def __call__(self, rows: Array) -> Array:
        """Clip and standardise."""
        scaled: Array = (np.clip(rows, self.low, self.high) - self.centre) / self.scale
        return scaled


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model, and what it gave for files that it had not seen."""

    model: Model
    cv_auc: float


def fit(rows: Array, fake: Array, groups: Groups, trained: Mapping[str, Any], tell: Tell | None = None) -> Fitted:
    """Choose the strength, calibrate out of fold, fit, draw. `groups`: files of one are never on two sides.

    `tell(done, total)` is called after each fit.
    """
    steps = _Steps(tell, len(STRENGTHS) * FOLDS + 1 + DRAWS)
    logits = {strength: out_of_fold(rows, fake, groups, strength, steps) for strength in STRENGTHS}
    best = max(STRENGTHS, key=lambda strength: round(measures.auc(fake, logits[strength]), 3))
    cv_auc = measures.auc(fake, logits[best])
    slope, offset = platt(logits[best], fake)
    chances = sigmoid(slope * logits[best] + offset)
    scaling = Scaling.of(rows)
    standard = scaling(rows)
    weights, bias = regression(standard, fake, best)
    steps.next()
    draws = _draws(standard, fake, groups, best, steps)
    axes, spread, rest, reach = known(standard)
    model = Model(
        feature_version=features.VERSION,
        names=features.names(),
        low=scaling.low,
        high=scaling.high,
        centre=scaling.centre,
        scale=scaling.scale,
        weights=weights,
        bias=bias,
        slope=slope,
        offset=offset,
        draws=draws,
        axes=axes,
        spread=spread,
        rest=rest,
        reach=reach,
        threshold_low=min(float(np.quantile(chances[fake > 0], _MISSED)), 0.5),
        threshold_high=max(float(np.quantile(chances[fake < 1], _FALSE_ALARMS)), 0.5),
        trained={**trained, "strength": best, "cvAuc": round(cv_auc, 4)},
    )
    return Fitted(model, cv_auc)


def out_of_fold(rows: Array, fake: Array, groups: Groups, strength: float, steps: _Steps | None = None) -> Array:
    """The logit of each file from a model that saw nothing of its group."""
    logits = np.zeros(len(rows))
    for learn, check in folds(fake, groups):
        scaling = Scaling.of(rows[learn])
        weights, bias = regression(scaling(rows[learn]), fake[learn], strength)
        logits[check] = scaling(rows[check]) @ weights + bias
        if steps is not None:
            steps.next()
    return logits


def folds(fake: Array, groups: Groups) -> Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Always the same for the same files."""
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    return list(splitter.split(np.zeros((len(fake), 1)), fake, groups))


def regression(
    standard: Array, fake: Array, strength: float, weight: NDArray[np.float64] | None = None
) -> tuple[Array, float]:
    """Weights and bias; classes of different sizes weigh the same."""
    found = LogisticRegression(C=strength, class_weight="balanced", max_iter=_ROUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough is enough: the golden set judges
        found.fit(standard, fake, sample_weight=weight)
    return found.coef_[0].astype(np.float64), float(found.intercept_[0])


def platt(logits: Array, fake: Array) -> tuple[float, float]:
    """Slope and offset that make logits out of fold into probabilities."""
    weights, bias = regression(logits[:, None], fake, 1e4)
    return float(weights[0]), bias


def known(standard: Array) -> tuple[Array, Array, float, float]:
    """Axes, spread, rest and reach of what the training covers; the reach is measured out of fold."""
    part = np.arange(len(standard)) % FOLDS
    far = [distances(standard[part == at], *_axes(standard[part != at])) for at in range(FOLDS)]
    axes, spread, rest = _axes(standard)
    return axes, spread, rest, float(np.percentile(np.concatenate(far), _KNOWN))


def _axes(standard: Array) -> tuple[Array, Array, float]:
    values, vectors = np.linalg.eigh(standard.T @ standard / len(standard))
    number = max(1, min(_AXES, len(standard) // 10))
    return vectors[:, -number:].T, np.maximum(values[-number:], _LITTLE), float(max(values[:-number].sum(), _LITTLE))


def _draws(standard: Array, fake: Array, groups: Groups, strength: float, steps: _Steps) -> Array:
    """Weights and bias of fits to groups drawn with replacement."""
    random = np.random.default_rng(0)
    names, at = np.unique(groups, return_inverse=True)
    found = []
    for _ in range(DRAWS):
        weight = np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))[at].astype(np.float64)
        used = weight > 0
        if len(np.unique(fake[used])) > 1:
            weights, bias = regression(standard[used], fake[used], strength, weight[used])
            found.append([*weights, bias])
        steps.next()
    return np.array(found)


class _Steps:
    """Counts fits and tells of each."""

    def __init__(self, tell: Tell | None, total: int) -> None:
        self._tell = tell
        self._total = total
        self._done = 0

    def next(self) -> None:
        """One more is done."""
        self._done += 1
        if self._tell is not None:
            self._tell(self._done, self._total)
