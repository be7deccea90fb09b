"""Against wrong labels, sent by mistake or on purpose. Pure decisions; the numbers are those of docs/deepfake_model.md.

The golden set is the strongest guard, and is none of these: see `gates.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .samples import Sample

Label = Literal["real", "fake"]
Reason = Literal[
    "contradicts_declared_ai", "not_vouched_for", "daily_quota", "labeler_disagrees", "labels_differ",
    "harmful_influence",
]  # fmt: skip

NOT_VOUCHED: Reason = "not_vouched_for"
MOST_A_DAY = 50  # labels of one user
MOST_SHARE = 0.30  # of a class, by one user
MOST_FRESH = 0.50  # of a round's samples, by users, once there is a champion
LEAST_CHECKS = 5  # labels on files whose truth is known, before a user is judged by them
LEAST_AGREEMENT = 0.80
LEAST_FRESH = 5  # labels of a user in a round, before their influence is examined
MOST_EXAMINED = 6
MOST_HARM = 0.010  # by which the golden set's Brier score may be better without a user's fresh labels

WORDS: dict[Reason, str] = {
    "contradicts_declared_ai": "The file itself declares that an algorithm made it; the label says that it is real.",
    "not_vouched_for": "It came from elsewhere without the operator's token; one such label waits for each file.",
    "daily_quota": f"One user may label {MOST_A_DAY} files a day.",
    "labeler_disagrees": "Too many of this user's labels on files whose truth is known were wrong.",
    "labels_differ": "Another label stands for this file.",
    "harmful_influence": "In a round of training, the golden set was judged better without this user's labels.",
}


def quarantine(
    *, label: Label, declares_ai: bool, operator: bool, vouched: bool, today: int, agreed: int, checked: int
) -> Reason | None:
    """Why a label has to wait for the operator; None when it counts at once.

    `vouched`: whether the operator, or who has its token, sent it in somebody's name; `today`: labels of this user in
    the last 24 hours; `agreed` of `checked`: on files whose truth is known.
    """
    if not (vouched or operator):
        return NOT_VOUCHED
    if declares_ai and label == "real":
        return "contradicts_declared_ai"
    if operator:
        return None
    if checked >= LEAST_CHECKS and agreed / checked < LEAST_AGREEMENT:
        return "labeler_disagrees"
    return "daily_quota" if today >= MOST_A_DAY else None


@dataclass(frozen=True, slots=True)
class Selection:
    """What a round may use, and how many it has to leave for later, by reason."""

    samples: tuple[Sample, ...]
    left_out: dict[str, int]


def select(samples: Sequence[Sample], *, has_champion: bool) -> Selection:
    """Bound what one user, and what one round, can change. Samples from old to new; the oldest stay.

    Both bounds hold for what is kept: where one leaves labels out, the other is asked again.
    """
    kept, left = list(samples), {"labeler_share": 0, "fresh_share": 0}
    while True:
        fair = _within_shares(kept)
        steady = _within_fresh(fair) if has_champion else fair
        left["labeler_share"] += len(kept) - len(fair)
        left["fresh_share"] += len(fair) - len(steady)
        if len(steady) == len(kept):
            return Selection(tuple(kept), left)
        kept = steady


def _within_shares(samples: Sequence[Sample]) -> list[Sample]:
    room = {fake: _room([one for one in samples if one.fake == fake]) for fake in (False, True)}
    seen: Counter[tuple[str, bool]] = Counter()
    kept = []
    for one in samples:
        if not one.operator:
            seen[one.labeler, one.fake] += 1
            if seen[one.labeler, one.fake] > room[one.fake]:
                continue
        kept.append(one)
    return kept


def _room(of_class: Sequence[Sample]) -> int:
    """The most labels that each user may give, so that nobody has more than the share of what is kept."""
    by_user = Counter(one.labeler for one in of_class if not one.operator)
    room, kept = len(of_class), len(of_class)
    while room > MOST_SHARE * kept:
        room = int(MOST_SHARE * kept)
        kept = len(of_class) - sum(max(number - room, 0) for number in by_user.values())
    return room


def _within_fresh(samples: Sequence[Sample]) -> list[Sample]:
    """Fresh labels of users, class by class, at most as many as there are others."""
    room = Counter(one.fake for one in samples if one.operator or not one.fresh)
    room = Counter({fake: int(size * MOST_FRESH / (1 - MOST_FRESH)) for fake, size in room.items()})
    kept = []
    for one in samples:
        if one.fresh and not one.operator:
            if room[one.fake] <= 0:
                continue
            room[one.fake] -= 1
        kept.append(one)
    return kept


def to_examine(samples: Sequence[Sample]) -> list[str]:
    """The users whose influence on this round is measured: those with the most fresh labels."""
    fresh = Counter(one.labeler for one in samples if one.fresh and not one.operator)
    return [labeler for labeler, number in fresh.most_common(MOST_EXAMINED) if number >= LEAST_FRESH]


def without(samples: Sequence[Sample], labeler: str) -> list[Sample]:
    """All but a user's fresh labels."""
    return [one for one in samples if one.labeler != labeler or one.operator or not one.fresh]


def users(samples: Sequence[Sample]) -> dict[str, Any]:
    """How many users labelled, and the largest share of a class that one of them gave."""
    by_user = Counter((one.labeler, one.fake) for one in samples if not one.operator)
    sizes = Counter(one.fake for one in samples)
    largest = {fake: max((n for (_, of), n in by_user.items() if of == fake), default=0) for fake in (False, True)}
    return {
        "number": len({labeler for labeler, _ in by_user}),
        "largestShare": {
            name: round(largest[fake] / sizes[fake], 4) if sizes[fake] else None
            for name, fake in (("real", False), ("fake", True))
        },
    }
