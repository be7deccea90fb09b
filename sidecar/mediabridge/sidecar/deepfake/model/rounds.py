"""One round of training: select, fit, measure against the champion, judge. For the child process; no file, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import fit, gates, guards, measures
from .document import Array, Model, sigmoid
from .golden import on_golden, serving
from .samples import Material, Sample, apart_from, clusters, counts, data_hash, rows, truth

# Facts of the file's format; whether they alone tell the labels is asked before anything is learnt.
FORMAT_FACTS = ("format", "mode", "quantisation", "quality", "subsampling", "progressive")
_FORMAT_STRENGTH = 0.1
_LEAST_SOURCES = 2  # of each class
_LEAST_OF_SOURCE = 10  # files of a class; by fewer, chance would decide whether the model may speak


@dataclass(frozen=True, slots=True)
class Round:
    """What came of it. `model` is None when it was refused before the fit; `missing` says then what is missing.

    `harm`: see `influence`; `used`: the files that it learnt from. `told` is for everybody, and names no user.
    """

    told: dict[str, Any]
    model: Model | None = None
    promoted: bool = False
    measured: dict[str, Any] | None = None
    champion_measured: dict[str, Any] | None = None
    harm: Mapping[str, float] = field(default_factory=dict)
    used: tuple[str, ...] = ()

    @property
    def harmful(self) -> list[str]:
        """Users whose fresh labels made the golden set's score worse."""
        return [labeler for labeler, value in self.harm.items() if value > guards.MOST_HARM]


def run_round(material: Material, at: str, tell: fit.Tell | None = None) -> Round:
    """Train a challenger and judge it. `at`: the time, for the document; `tell(done, total)` after each fit."""
    selection = guards.select(apart_from(material.samples, material.golden), has_champion=material.champion is not None)
    chosen = selection.samples
    told: dict[str, Any] = {
        "labels": counts(chosen),
        "golden": counts(material.golden),
        "leftOut": selection.left_out,
        "users": guards.users(chosen),
        "champion": material.champion_version,
    }
    if missing := gates.missing(told["labels"], told["golden"]):
        return Round({**told, "outcome": "refused", "missing": missing})
    source = source_auc(chosen)
    trained = {
        **told["labels"],
        "at": at,
        "sourceAuc": source,
        "data": data_hash(chosen),
        "golden": data_hash(material.golden),
    }
    fake, groups = truth(chosen), clusters(chosen)
    fitted = fit.fit(rows(chosen), fake, groups, trained, tell)
    return _judge(material, chosen, fitted, told)


def _judge(material: Material, chosen: Sequence[Sample], fitted: fit.Fitted, told: dict[str, Any]) -> Round:
    model, champion = fitted.model, material.champion
    found = on_golden(model, material.golden)
    of_champion = on_golden(champion, material.golden) if champion else None
    harm = influence(model, chosen, material.golden)
    on_labels = gates.of_labels(
        format_auc(chosen),
        fitted.cv_auc,
        champion.trained["cvAuc"] if champion else None,
        max(harm.values(), default=None),
    )
    all_gates = on_labels + gates.of_golden(found, of_champion)
    promoted = gates.passed(all_gates)
    measured = serving(found, model.trained["sourceAuc"])
    return Round(
        told={
            **told,
            "outcome": "promoted" if promoted else "rejected",
            "gates": [gate.to_json() for gate in all_gates],
            "serving": measured["gates"],
            "challengerGolden": found.to_json(),
            "championGolden": of_champion.to_json() if of_champion else None,
        },
        model=model,
        promoted=promoted,
        measured=measured,
        champion_measured=serving(of_champion, champion.trained.get("sourceAuc")) if champion and of_champion else None,
        harm=harm,
        used=tuple(one.sha256 for one in chosen),
    )


def influence(model: Model, chosen: Sequence[Sample], golden: Sequence[Sample]) -> dict[str, float]:
    """For each user with enough fresh labels: by how much the golden set's Brier score is better without them."""
    fake, known = truth(golden), model.standardised(rows(golden))

    def brier(samples: Sequence[Sample]) -> float:
        standard, labels = model.standardised(rows(samples)), truth(samples)
        weights, bias = fit.regression(standard, labels, model.trained["strength"])
        return measures.brier(fake, sigmoid(model.slope * (known @ weights + bias) + model.offset))

    names = guards.to_examine(chosen)
    whole = brier(chosen) if names else 0.0
    found = {}
    for name in names:
        left = guards.without(chosen, name)
        if min(counts(left).values()) > 0:
            found[name] = whole - brier(left)
    return found


def format_auc(samples: Sequence[Sample]) -> float:
    """How well the format of the files alone tells the labels, out of fold."""
    columns = [_one_hot([str(one.facts.get(name)) for one in samples]) for name in FORMAT_FACTS]
    table = np.concatenate([column for column in columns if column.shape[1] > 1] or [np.zeros((len(samples), 1))], 1)
    fake = truth(samples)
    logits = fit.out_of_fold(table, fake, clusters(samples), _FORMAT_STRENGTH)
    return measures.auc(fake, np.round(logits, 9))


def _one_hot(words: Sequence[str]) -> Array:
    names = sorted(set(words))
    table: Array = (np.array(words)[:, None] == np.array(names)).astype(np.float64)
    return table


def source_auc(samples: Sequence[Sample]) -> float | None:
    """The AUC on files of sources that were left out; None unless each class has two named ones.

    Sources are what the operator says: by those of users, one of them could silence the model.
    """
    told = [one for one in samples if one.source is not None and one.operator]
    sizes = Counter((one.source, one.fake) for one in told)
    named = [one for one in told if sizes[one.source, one.fake] >= _LEAST_OF_SOURCE]
    least = min(len({one.source for one in named if one.fake is fake}) for fake in (False, True))
    if least < _LEAST_SOURCES:
        return None
    fake, table = truth(named), rows(named)
    groups = np.unique([str(one.source) for one in named], return_inverse=True)[1]
    logits = np.full(len(named), np.nan)
    for source in range(groups.max() + 1):
        learn, check = groups != source, groups == source
        if 0 < fake[learn].sum() < learn.sum():
            scaling = fit.Scaling.of(table[learn])
            weights, bias = fit.regression(scaling(table[learn]), fake[learn], fit.STRENGTHS[1])
            logits[check] = scaling(table[check]) @ weights + bias
    seen = np.isfinite(logits)
    return measures.auc(fake[seen], logits[seen]) if 0 < fake[seen].sum() < seen.sum() else None
