"""How good probabilities are, in numbers with intervals. Pure, numpy only.

`fake` is an array of 0 and 1, `scores` of the same length. Where classes differ in size, each weighs as much as the
other: what is told holds for a base rate of one half.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_DRAWS = 400
_MOST_BINS, _LEAST_BINS, _PER_BIN = 10, 5, 30
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Measured:
    """Of a model on labelled files. `auc_interval` is of 95 %; `false_alarms` the share of real files at or above the
    upper threshold, `false_alarms_upper` its one-sided bound of 95 %, `caught` the share of fakes there."""

    real: int
    fake: int
    auc: float
    auc_interval: tuple[float, float]
    brier: float
    ece: float
    false_alarms: float
    false_alarms_upper: float
    caught: float

    def to_json(self) -> dict[str, Any]:
        """With the names of the answers."""
        told = asdict(self)
        return {
            "real": told["real"],
            "fake": told["fake"],
            "auc": round(self.auc, 4),
            "aucInterval": [round(end, 4) for end in self.auc_interval],
            "brier": round(self.brier, 4),
            "ece": round(self.ece, 4),
            "falseAlarms": round(self.false_alarms, 4),
            "falseAlarmsUpper95": round(self.false_alarms_upper, 4),
            "caught": round(self.caught, 4),
        }


def measure(fake: Array, scores: Array, threshold: float) -> Measured:
    """All of it. Both classes must be there."""
    alarms = scores >= threshold
    real = fake < 1
    low, high = auc_interval(fake, scores)
    return Measured(
        real=int(real.sum()),
        fake=int((~real).sum()),
        auc=auc(fake, scores),
        auc_interval=(low, high),
        brier=brier(fake, scores),
        ece=ece(fake, scores),
        false_alarms=float(alarms[real].mean()),
        false_alarms_upper=upper_bound(int(alarms[real].sum()), int(real.sum())),
        caught=float(alarms[~real].mean()),
    )


def auc(fake: Array, scores: Array) -> float:
    """The chance that a fake file scores above a real one; ties count half (Mann-Whitney)."""
    order = np.sort(scores[fake < 1])
    fakes = scores[fake > 0]
    below, upto = np.searchsorted(order, fakes, "left"), np.searchsorted(order, fakes, "right")
    return float((below + upto).mean() / 2 / len(order))


def auc_interval(fake: Array, scores: Array) -> tuple[float, float]:
    """The 95 % interval over draws of the files with replacement, within each class; the draws are always the same."""
    random = np.random.default_rng(0)
    real, fakes = scores[fake < 1], scores[fake > 0]
    flags = np.concatenate([np.zeros(len(real)), np.ones(len(fakes))])
    draws = [
        auc(flags, np.concatenate([random.choice(real, len(real)), random.choice(fakes, len(fakes))]))
        for _ in range(_DRAWS)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def balance(fake: Array) -> Array:
    """Weights that sum to one half in each class."""
    share = fake.mean()
    weights: Array = np.where(fake > 0, 0.5 / (share * len(fake)), 0.5 / ((1 - share) * len(fake)))
    return weights


def brier(fake: Array, scores: Array) -> float:
    """The mean squared distance of probability and truth; 0.25 is what a constant one half gets."""
    return float((balance(fake) * (scores - fake) ** 2).sum())


def ece(fake: Array, scores: Array) -> float:
    """Expected calibration error over bins of equal size; their number grows with the files, from 5 to 10."""
    bins = min(max(len(fake) // _PER_BIN, _LEAST_BINS), _MOST_BINS)
    weight, order = balance(fake), np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(abs((weight[part] * (scores[part] - fake[part])).sum()) for part in parts))


def upper_bound(hits: int, of: int, confidence: float = _CONFIDENCE) -> float:
    """The one-sided upper bound of a share (Clopper and Pearson 1934); 1 when nothing was looked at."""
    if hits >= of:
        return 1.0
    low, high = hits / of, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, of, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(hits: int, of: int, share: float) -> float:
    """The chance of at most `hits` of `of` when each comes with `share`."""
    logs = [
        math.lgamma(of + 1)
        - math.lgamma(one + 1)
        - math.lgamma(of - one + 1)
        + one * math.log(share)
        + (of - one) * math.log1p(-share)
        if 0 < share < 1
        else (0.0 if one == 0 and share <= 0 else -math.inf)
        for one in range(hits + 1)
    ]
    return math.fsum(map(math.exp, logs))
