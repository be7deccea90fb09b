"""Files that belong together and are no duplicates of each other. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import product

from .model import Certainty, Companions, Picture

_AT_ONCE = timedelta(seconds=2)
_LIVE_S = 6.0  # Apple's moving part is 3 s long, others' up to 5
_MOVING_START = timedelta(seconds=6)  # it begins before the still


def companions(pictures: Iterable[Picture]) -> list[Companions]:
    """RAW files with their JPEG, stills with their film: by Apple's identifier, else by folder, name and moment."""
    by_stem: dict[tuple[str, str], list[Picture]] = defaultdict(list)
    by_content: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        by_stem[picture.folder, picture.name.rpartition(".")[0].casefold()].append(picture)
        if picture.content_id:
            by_content[picture.content_id].append(picture)
    live = {found.ids: found for members in by_content.values() for found in _live(members, known=True)}
    for members in by_stem.values():
        for found in _live(members, known=False):
            live.setdefault(found.ids, found)
    raw = [found for members in by_stem.values() for found in _raw(members)]
    return sorted([*live.values(), *raw], key=lambda found: found.ids)


def _live(members: list[Picture], *, known: bool) -> Iterator[Companions]:
    stills = [it for it in members if it.kind == "picture"]
    films = [it for it in members if it.kind == "video" and (it.duration_s is None or it.duration_s <= _LIVE_S)]
    for still, film in product(stills, films):
        if known:
            yield Companions("live", "certain", (still.id, film.id), ("the same content identifier",))
        elif certainty := _same_time(still, film, _MOVING_START):
            yield Companions("live", certainty, (still.id, film.id), _words(certainty))


def _raw(members: list[Picture]) -> Iterator[Companions]:
    raws = [it for it in members if it.kind == "raw"]
    stills = [it for it in members if it.kind == "picture"]
    for raw, still in product(raws, stills):
        if certainty := _same_time(raw, still, _AT_ONCE):
            yield Companions("raw+jpeg", certainty, (raw.id, still.id), _words(certainty))


def _same_time(one: Picture, other: Picture, most: timedelta) -> Certainty | None:
    """None when they were taken apart: cameras count their names from the start again."""
    if one.moment is None or other.moment is None:
        return "medium"
    apart = abs(one.moment - other.moment)
    quarters = apart % timedelta(minutes=15)  # films tell UTC, stills local time
    return "high" if apart <= most or min(quarters, timedelta(minutes=15) - quarters) <= most else None


def _words(certainty: Certainty) -> tuple[str, ...]:
    return ("the same name", "taken at the same moment" if certainty == "high" else "no date confirms it")
