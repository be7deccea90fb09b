"""Which of several copies is to be kept, and why, in words. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from .model import Picture

_BEGINNING = datetime.fromisoformat("1800-01-01")
# Names that programs give to copies: `a (1).jpg`, `a - Copy.jpg`, `a-edited.jpg`, WhatsApp's and Facebook's.
_COPY = re.compile(r"\(\d{1,3}\)|[-_ ](?:copy|kopie|copie|copia|edited|bearbeitet)\b|-WA\d{4}|^FB_IMG", re.IGNORECASE)

# What counts, the weightiest first: a number of which more is better, and the words when it decided.
_COUNTS: tuple[tuple[Callable[[Picture], float], Callable[[Picture], str]], ...] = (
    (lambda it: it.pixels, lambda it: f"the most pixels: {it.width}x{it.height}"),
    (lambda it: it.original_tags, lambda it: f"the most of the camera's own metadata: {it.original_tags} fields"),
    (lambda it: it.size, lambda it: f"the largest file: {it.size:,} bytes"),
    (lambda it: -_seconds(it.moment), lambda _: "the oldest date"),
    (lambda it: 0 if _COPY.search(it.name) else 1, lambda _: "a name that is not that of a copy"),
    (lambda it: -len(it.name), lambda _: "the shorter name"),
    (lambda it: -it.id, lambda _: "it was there first"),
)


def order(pictures: Sequence[Picture]) -> list[Picture]:
    """The best one first; the same whatever the order they come in."""
    return sorted(pictures, key=lambda it: tuple(-count(it) for count, _ in _COUNTS))


def reasons(keeper: Picture, others: Sequence[Picture]) -> tuple[str, ...]:
    """Why it is to be kept: what it has the most of, until that tells it from each of the others."""
    left, words = list(others), []
    for count, say in _COUNTS:
        least = min((count(it) for it in left), default=count(keeper))
        if least < count(keeper) and all(count(it) <= count(keeper) for it in others):
            words.append(say(keeper))
            left = [it for it in left if count(it) == count(keeper)]
    return tuple(words)


def equals(keeper: Picture, others: Sequence[Picture]) -> list[Picture]:
    """The keeper and those of the others that have as many pixels and as much of the camera's metadata."""
    return [keeper, *(it for it in others if (it.pixels, it.original_tags) == (keeper.pixels, keeper.original_tags))]


def _seconds(moment: datetime | None) -> float:
    return (moment - _BEGINNING).total_seconds() if moment else math.inf
