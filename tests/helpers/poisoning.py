"""Rounds of training in which a share of the new labels is wrong: is the challenger promoted?

Used by the suite with a few runs, and by `make campaign-deepfake` with many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
from labelled import labelled

from mediabridge.sidecar.deepfake.model import fit, measures, rounds, samples
from mediabridge.sidecar.deepfake.model.golden import on_golden
from mediabridge.sidecar.deepfake.model.samples import Material, Sample

GOLDEN, KNOWN, FRESH = 60, 100, 60  # files of each class
EACH = GOLDEN + KNOWN + FRESH
AT = "2026-06-01T12:00:00.000Z"


@dataclass(frozen=True)
class Outcome:
    """Of one run: what became of the challenger, and how the champion does on files that nobody has seen."""

    promoted: bool
    failed: tuple[str, ...]
    champion_auc: float
    auc_after: float
    false_alarms_before: float
    false_alarms_after: float


def drawn(number: int, pool: int) -> tuple[list[Sample], list[Sample], list[Sample], list[Sample]]:
    """Golden, known, fresh and unseen files: another draw from `pool` pictures of each class for each number."""
    random = np.random.default_rng(number)
    order = {fake: random.permutation(pool) for fake in (False, True)}

    def part(start: int, end: int) -> list[Sample]:
        return [labelled(int(order[fake][at]), fake) for at in range(start, end) for fake in (False, True)]

    ends = (0, GOLDEN, GOLDEN + KNOWN, EACH, pool)
    golden, known, fresh, unseen = (part(start, end) for start, end in pairwise(ends))
    return golden, known, fresh, unseen


def spoilt(fresh: Sequence[Sample], share: float, users: int, seed: int) -> list[Sample]:
    """Labels of users, of which a share is wrong."""
    random = np.random.default_rng(seed)
    return [
        replace(one, fake=one.fake != (random.random() < share), labeler=f"user-{at % users}", operator=False)
        for at, one in enumerate(fresh)
    ]


def run(number: int, share: float, *, pool: int, users: int = 4) -> Outcome:
    """A champion from labels that are right, then a round with labels of which a share is wrong."""
    golden, known, fresh, unseen = drawn(number, pool)
    first = champion_of(number, pool)
    assert first.promoted, first.told
    assert first.model is not None
    known = [replace(one, fresh=False) for one in known]
    new = spoilt(fresh, share, users, number)
    second = rounds.run_round(Material(tuple(known + new), tuple(golden), first.model, 1), AT)
    champion = second.model if second.promoted and second.model is not None else first.model
    before, after = (on_golden(model, unseen or golden) for model in (first.model, champion))
    failed = tuple(gate["gate"] for gate in second.told["gates"] if gate["passed"] is False)
    return Outcome(second.promoted, failed, before.auc, after.auc, before.false_alarms, after.false_alarms)


@cache
def champion_of(number: int, pool: int) -> rounds.Round:
    """The round before the one that is spoilt."""
    golden, known, _, _ = drawn(number, pool)
    return rounds.run_round(Material(tuple(known), tuple(golden)), AT)


def learning(number: int, labels: int, pool: int) -> measures.Measured:
    """A model from so many labels of each class, on files that it has not seen."""

    _, known, fresh, unseen = drawn(number, pool)
    learnt = (known + fresh)[: 2 * labels]
    fitted = fit.fit(samples.rows(learnt), samples.truth(learnt), samples.clusters(learnt), {})
    return on_golden(fitted.model, unseen)
