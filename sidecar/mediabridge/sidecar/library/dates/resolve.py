"""When was it taken? Gathers what all sources say, weighs it, and tells one answer with its reasons. Pure.

The candidate with the most weight, its own and that of others who agree with it, is the answer. How sure it is depends
on what it is (`sources.py`), on what is doubtful about it (`plausible.py`), on independent witnesses, and on those who
contradict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import embedded, names
from .agreement import Agreement, Zone, agreement, local
from .contradiction import contradictions
from .model import AT, PRECISIONS, Candidate, Confidence, Evidence, Taken, least
from .offset import told
from .plausible import judged
from .sources import FILE_CREATED_WEIGHT, FILE_MODIFIED_WEIGHT
from .words import agreeing, refusals, said

_SHARE = {"exact": 0.3, "zone": 0.2, "day": 0.15}  # of a witness' worth that counts for the one it agrees with
_WITNESS = 45.0  # worth from which a witness makes sure, or makes unsure
_FINER = 40.0
_FIRST_CAMERA = 1990  # a clock that says less is wrong, and so is the name that it gave
_OF_THE_FILE = "the date of the file itself, which may be that of a copy"


@dataclass(frozen=True, slots=True)
class _Leader:
    candidate: Candidate
    witnesses: tuple[tuple[Candidate, Agreement], ...]


def when_taken(evidence: Evidence) -> Taken:
    """One answer, never without its reasons. Nothing is raised for whatever the metadata hold."""
    candidates = tuple(judged(candidate, evidence.now) for candidate in _gathered(evidence))
    usable = [candidate for candidate in candidates if not candidate.refused]
    refused = refusals(candidates)
    if not usable:
        why = (*refused, "nothing tells when it was taken")
        return Taken(None, None, None, None, None, "none", None, why, candidates)
    zone = _zone(evidence)
    leader = _leader(usable, zone)
    found = told(_finest(leader), usable, zone)
    confidence, reasons = _confidence(leader, usable, zone)
    return Taken(
        moment=found.clock,
        utc=found.utc,
        offset=found.offset,
        zone_source=found.zone_source,
        precision=found.precision,
        confidence=confidence,
        source=leader.candidate.source,
        reasons=(*reasons, *((found.reason,) if found.reason else ()), *refused),
        candidates=candidates,
    )


def _gathered(evidence: Evidence) -> Iterator[Candidate]:
    yield from embedded.candidates(evidence.metadata)
    titles = []
    for sidecar in evidence.sidecars:
        yield from sidecar.dates
        titles.append(sidecar.title)
    # Takeout shortens names; the title has the whole one.
    named = (found for name in (evidence.name, *titles) if name and (found := names.candidate(name)))
    if first := next(named, None):
        yield first
    for source, weight in (("modified", FILE_MODIFIED_WEIGHT), ("created", FILE_CREATED_WEIGHT)):
        moment = getattr(evidence.files, source)
        if moment is not None:
            yield Candidate(
                f"file:{source}", "file", "file", weight, moment.isoformat(),
                instant=moment, most="low", doubts=(_OF_THE_FILE,),
            )  # fmt: skip


def _zone(evidence: Evidence) -> Zone:
    places = (embedded.position(evidence.metadata), *(sidecar.position for sidecar in evidence.sidecars))
    place = next((place for place in places if place), None)
    there = evidence.zone_at(*place) if place and evidence.zone_at else None
    return Zone(there, assumed=False) if there else Zone(evidence.zone, assumed=True)


def _leader(usable: Sequence[Candidate], zone: Zone) -> _Leader:
    leaders = [
        _Leader(
            one, tuple((other, how) for other in usable if other is not one and (how := agreement(one, other, zone)))
        )
        for one in usable
    ]
    return max(leaders, key=_score)


def _score(leader: _Leader) -> float:
    best: dict[str, float] = {}
    for witness, how in leader.witnesses:
        if witness.family != leader.candidate.family:
            best[witness.family] = max(best.get(witness.family, 0.0), witness.worth * _SHARE[how])
    return leader.candidate.worth + sum(best.values())


def _finest(leader: _Leader) -> Candidate:
    """The one whose time of day is used: a witness' where the leader knows only the day."""
    chosen = leader.candidate
    for witness, _ in sorted(leader.witnesses, key=lambda pair: -pair[0].worth):
        finer = PRECISIONS.index(witness.precision) < PRECISIONS.index(chosen.precision)
        if finer and witness.worth >= _FINER and witness.role in AT:
            chosen = witness
    return chosen


def _confidence(leader: _Leader, usable: Sequence[Candidate], zone: Zone) -> tuple[Confidence, list[str]]:
    candidate = leader.candidate
    reasons = [said(candidate, zone), *candidate.doubts]
    confidence = candidate.most
    if agreed := agreeing(leader.witnesses):
        reasons.append(agreed)
    sure = next((witness for witness, how in leader.witnesses if _makes_sure(candidate, witness, how)), None)
    if confidence == "medium" and sure and local(candidate, zone).year >= _FIRST_CAMERA:
        confidence = "high"
        reasons.append(f"{candidate.source} and {sure.source} are independent of each other")
    for most, reason in contradictions(candidate, usable, zone):
        confidence = least(confidence, most)
        reasons.append(reason)
    return confidence, reasons


def _makes_sure(candidate: Candidate, witness: Candidate, how: Agreement) -> bool:
    """Whether two that do not know of each other tell the same to the second."""
    return (
        how != "day"
        and witness.family != candidate.family
        and witness.role in AT
        and candidate.role in AT
        and witness.worth >= _WITNESS
    )
