"""Groups of files that are like each other: a star around the one to keep, never a chain. Pure.

Each member is like the keeper itself. In a chain, where a is like b and b like c, a and c may be strangers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import combinations

from .index import HashIndex
from .keeper import equals, order, reasons
from .model import DUPLICATES, Group, GroupKind, GroupMember, Kind, Picture, Relation
from .relation import compare

_Neighbours = dict[int, dict[int, Relation]]
_ROUNDS: tuple[tuple[GroupKind, frozenset[Kind]], ...] = (
    ("duplicates", DUPLICATES),
    ("burst", frozenset({"burst"})),
    ("crop", frozenset({"crop"})),
)
_MOST_COMPARED = 20  # possible keepers of one group
_MOST_AT_ONE_MOMENT = 50  # more files of one second are no crops of each other, but a wrong clock


def find_groups(pictures: Sequence[Picture], index: HashIndex | None = None) -> list[Group]:
    """All groups among the pictures, each picture in one at most: of duplicates first, then of bursts, then of crops.

    `index` may hold more than these and must hold their hashes; without it one is made. The result depends neither on
    the order of the pictures nor on what else is in the index.
    """
    copies_of: dict[str, list[Picture]] = defaultdict(list)
    for picture in order(pictures):
        copies_of[picture.sha256].append(picture)
    best = {copies[0].id: copies[0] for copies in copies_of.values()}  # of equal bytes, one is enough to be compared
    neighbours = _neighbours(best, index or _index(best.values()))
    groups: list[Group] = []
    taken: set[int] = set()
    for kind, kinds in _ROUNDS:
        for keeper in best.values():
            if keeper.id in taken:
                continue
            near = [
                best[number]
                for number, relation in neighbours[keeper.id].items()
                if relation.kind in kinds and number not in taken
            ]
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


def _neighbours(by_id: dict[int, Picture], index: HashIndex) -> _Neighbours:
    found: _Neighbours = defaultdict(dict)
    for one, other in _pairs(by_id, index):
        if relation := compare(by_id[one], by_id[other]):
            found[one][other] = found[other][one] = relation
    return found


def _pairs(by_id: dict[int, Picture], index: HashIndex) -> set[tuple[int, int]]:
    """Those that may be alike: by their hashes, or taken at the same moment (crops are)."""
    pictures = list(by_id.values())
    pairs = {
        (min(picture.id, hit.id), max(picture.id, hit.id))
        for picture in pictures
        for hit in index.search(picture.hash)
        if hit.id != picture.id and hit.id in by_id
    }
    at_once: dict[datetime, list[int]] = defaultdict(list)
    for picture in pictures:
        if picture.moment is not None:
            at_once[picture.moment].append(picture.id)
    few = (sorted(ids) for ids in at_once.values() if len(ids) <= _MOST_AT_ONE_MOMENT)
    return pairs | {pair for ids in few for pair in combinations(ids, 2)}
