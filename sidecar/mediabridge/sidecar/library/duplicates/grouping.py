"""Groups of files that are like each other: a star around the one to keep, never a chain. Pure.

Each member is like the keeper itself. In a chain, where a is like b and b like c, a and c may be strangers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from .index import HashIndex
from .keeper import equals, order, reasons
from .model import CERTAINTIES, DUPLICATES, Certainty, Group, GroupKind, GroupMember, Kind, Picture, Relation
from .relation import compare

_ROUNDS: tuple[tuple[GroupKind, frozenset[Kind]], ...] = (
    ("duplicates", DUPLICATES),
    ("burst", frozenset({"burst"})),
    ("crop", frozenset({"crop"})),
)
_MOST_COMPARED = 20  # possible keepers of one group
_MOST_NEAR = 500  # of thousands of frames of one fixed camera, the nearest
_MOST_AT_ONE_MOMENT = 50  # more files of one second are no crops of each other, but a wrong clock


def find_groups(
    pictures: Sequence[Picture], index: HashIndex | None = None, least: Certainty = "medium"
) -> list[Group]:
    """All groups among the pictures, each picture in one at most: of duplicates first, then of bursts, then of crops.

    Duplicates are at least so certain: with `low`, films of like frames and pictures of other dates are among them.
    `index` may hold more than these and must hold their hashes; without it one is made. The result depends neither on
    the order of the pictures nor on what else is in the index.
    """
    copies_of: dict[str, list[Picture]] = defaultdict(list)
    for picture in order(pictures):
        copies_of[picture.sha256].append(picture)
    best = {copies[0].id: copies[0] for copies in copies_of.values()}  # of equal bytes, one is enough to be compared
    around = _Neighbours(best, index or _index(best.values()), CERTAINTIES.index(least))
    groups: list[Group] = []
    taken: set[int] = set()
    for kind, kinds in _ROUNDS:
        for keeper in best.values():
            if keeper.id in taken:
                continue
            near = [best[number] for number, found in around.of(keeper, taken) if found in kinds]
            alike = (
                [copy for one in (keeper, *near) for copy in copies_of[one.sha256]] if kind == "duplicates" else near
            )
            others = [one for one in alike if one is not keeper]
            if others:
                groups.append(_group(kind, keeper, others))
                taken |= {keeper.id, *(one.id for one in near)}
    return groups


def _group(kind: GroupKind, centre: Picture, others: Sequence[Picture]) -> Group:
    keeper = _most_alike(centre, others) if kind == "duplicates" else centre
    rest = [one for one in (centre, *others) if one is not keeper]
    related = [(one.id, relation) for one in rest if (relation := compare(keeper, one))]
    related.sort(key=lambda pair: (-pair[1].similarity, pair[0]))
    why = reasons(keeper, rest) if kind == "duplicates" else ()
    if keeper is not centre:
        why = (*why, "more of the others are just like it")
    members = (GroupMember(number, relation, relation.reasons) for number, relation in related)
    return Group(kind, (GroupMember(keeper.id, None, why), *members))


def _most_alike(centre: Picture, others: Sequence[Picture]) -> Picture:
    """Of those as good as the centre, the one of which most others are plain copies: edits are like the original, and
    less like each other. It must be like all of them.
    """

    def likeness(one: Picture) -> tuple[int, float]:
        found = [compare(one, other) for other in (centre, *others) if other is not one]
        alike = [relation for relation in found if relation and relation.kind in DUPLICATES]
        if len(alike) < len(found):
            return -1, 0.0
        mean = sum(relation.similarity for relation in alike) / len(alike)
        return sum(relation.kind != "edited" for relation in alike), round(mean, 2)

    return max(order(equals(centre, others))[:_MOST_COMPARED], key=likeness)


def _index(pictures: Iterable[Picture]) -> HashIndex:
    index = HashIndex()
    index.extend((picture.id, picture.hash) for picture in pictures)
    return index


class _Neighbours:
    """What each picture is like. Only keepers are asked: whoever is in a group already is not compared any more."""

    def __init__(self, by_id: dict[int, Picture], index: HashIndex, least: int) -> None:
        self._by_id = by_id
        self._least = least
        self._index = index
        self._known: dict[int, dict[int, Kind]] = {}
        self._at_once: dict[datetime, list[int]] = defaultdict(list)
        for picture in by_id.values():
            if picture.moment is not None:
                self._at_once[picture.moment].append(picture.id)

    def of(self, picture: Picture, taken: set[int]) -> list[tuple[int, Kind]]:
        """Those that are like it and in no group."""
        known = self._known.get(picture.id)
        if known is None:
            related = ((number, compare(picture, self._by_id[number])) for number in self._near(picture, taken))
            known = self._known[picture.id] = {number: it.kind for number, it in related if it and self._counts(it)}
        return [(number, kind) for number, kind in known.items() if number not in taken]

    def _counts(self, relation: Relation) -> bool:
        return relation.kind not in DUPLICATES or CERTAINTIES.index(relation.certainty) >= self._least

    def _near(self, picture: Picture, taken: set[int]) -> list[int]:
        """Those that may be like it: by their hashes, or taken at the same moment, as crops are."""
        hits = [hit.id for hit in self._index.search(picture.hash) if hit.id in self._by_id][:_MOST_NEAR]
        at_once = self._at_once[picture.moment] if picture.moment is not None else []
        few = at_once if len(at_once) <= _MOST_AT_ONE_MOMENT else []
        return sorted({*hits, *few} - taken - {picture.id})
