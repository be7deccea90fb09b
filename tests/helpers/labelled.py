"""Samples whose labels are right, and a service that is told of them."""

from __future__ import annotations

import hashlib

from generated import sample

from mediabridge.sidecar.deepfake.model import features
from mediabridge.sidecar.deepfake.model.samples import FINGERPRINT, Sample
from mediabridge.sidecar.deepfake.model.service import ModelService

CREATED = "2026-06-01T12:00:00.000Z"
FACTS = {"format": "JPEG", "mode": "RGB"}


def sha_of(seed: int, fake: bool) -> str:
    return hashlib.sha256(f"{seed} {fake}".encode()).hexdigest()


def labelled(seed: int, fake: bool, **values: object) -> Sample:
    """A sample whose label is right."""
    found, fingerprint = sample(seed, fake=fake)
    facts = {**FACTS, FINGERPRINT: fingerprint}
    return Sample(sha_of(seed, fake), fake, features.vector(found), facts=facts, **values)  # type: ignore[arg-type]


def both(seeds: range, **values: object) -> list[Sample]:
    """One of each kind for each seed."""
    return [labelled(seed, fake, **values) for seed in seeds for fake in (False, True)]


def record(service: ModelService, seed: int, fake: bool, verdict: str = "inconclusive", **facts: object) -> str:
    """Let the service know of an analysis; gives its id."""
    found, fingerprint = sample(seed, fake=fake)
    name = f"analysis-{seed}-{fake}" + "".join(f"-{fact}" for fact in facts.values())
    told = {**FACTS, FINGERPRINT: fingerprint, **facts}
    service.record(name, sha_of(seed, fake), "image/jpeg", found, told, verdict, CREATED)
    return name


def fill(service: ModelService, samples: range, golden: range) -> None:
    """The operator's own labels, and a golden set."""
    for seeds, frozen in ((samples, False), (golden, True)):
        for seed in seeds:
            for fake in (False, True):
                name, label = record(service, seed, fake), "fake" if fake else "real"
                if frozen:
                    service.freeze(name, label, "operator")
                else:
                    service.feedback(name, label, "operator", operator=True)


def same(service: ModelService, number: int, verdict: str = "inconclusive") -> str:
    """Files of different hashes with the same features; enough for labels."""
    name = f"file-{number}"
    found, _ = sample(0, fake=False)
    service.record(name, f"{number:064x}", "image", found, {}, verdict, CREATED)
    return name


def counts(service: ModelService) -> tuple[int, int, int]:
    told = service.stats()["samples"]
    return told["real"] + told["fake"], told["quarantined"], told["conflicts"]
