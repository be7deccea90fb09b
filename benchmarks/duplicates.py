"""Duplicates: a million hashes searched and changed, and how well groups are found among photographs and their edits.

Run: make bench-duplicates, or .venv/bin/python benchmarks/duplicates.py --hashes 1000000. The second part needs the
corpus, beside the checkout or at MEDIABRIDGE_CORPUS.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

from mediabridge.sidecar.images import PERCEPTUAL, PerceptualHash, PictureError, Pictures, start_pool
from mediabridge.sidecar.library.duplicates import HashIndex, Picture, find_groups

ROUNDS = 50
CORPUS = Path(os.environ.get("MEDIABRIDGE_CORPUS") or Path(__file__).parents[2] / "shared/corpus")
PHOTOGRAPHS = ("duplicates", "real", "ai", "orientation", "metadata/metadata-extractor-images/jpg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hashes", type=int, default=1_000_000)
    arguments = parser.parse_args()
    search(arguments.hashes)
    if (CORPUS / "files").is_dir():
        found()
    else:
        print(f"no corpus at {CORPUS}: precision and recall are left out")


def search(count: int) -> None:
    chance = random.Random(1)

    def one() -> PerceptualHash:
        return PerceptualHash(chance.getrandbits(64), chance.getrandbits(64), paper=False, levels=b"")

    index = HashIndex()
    tracemalloc.start()
    index.extend((number, one()) for number in range(count))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    wanted = [one() for _ in range(ROUNDS)]
    print(f"{count:,} hashes in {held / 1e6:.0f} MB of memory; milliseconds, median and longest of {ROUNDS}:")
    told("search", [timed(lambda hashed=hashed: index.search(hashed)) for hashed in wanted])  # type: ignore[misc]
    told("add", [timed(lambda at=at: index.add(count + at, wanted[at])) for at in range(ROUNDS)])  # type: ignore[misc]
    told("remove", [timed(lambda at=at: index.remove(count + at)) for at in range(ROUNDS)])  # type: ignore[misc]
    told("to_bytes", [timed(index.to_bytes) for _ in range(3)])
    data = index.to_bytes()
    told("from_bytes", [timed(lambda: HashIndex.from_bytes(data)) for _ in range(3)])


def found() -> None:
    pictures, names = read()
    start = time.perf_counter()
    groups = find_groups(pictures)
    seconds = time.perf_counter() - start
    rows = csv.DictReader((CORPUS / "gt/duplicates.csv").read_text("utf-8").splitlines())
    truth = {row["file"]: row["group"] for row in rows}
    expected = {pair for pair in combinations(sorted(truth), 2) if truth[pair[0]] == truth[pair[1]]}
    merged = {
        pair
        for group in groups
        if group.kind == "duplicates"
        for pair in combinations(sorted(names[member.id] for member in group.members), 2)
    }
    known = {pair for pair in merged if set(pair) <= truth.keys()}
    right = len(known & expected)
    print(f"{len(pictures)} photographs of the corpus, grouped in {seconds * 1000:.0f} ms")
    print(
        f"precision {right / max(len(known), 1):.3f}, recall {right / len(expected):.3f} of {len(expected)} known pairs"
    )
    print("groups about which the corpus says nothing, to be looked at:")
    for group in groups:
        members = [Path(names[member.id]) for member in group.members]
        if not {path.as_posix() for path in members} & truth.keys():
            print(f"  {group.kind} in {members[0].parent}: {', '.join(path.name for path in members)}")


def read() -> tuple[list[Picture], dict[int, str]]:
    files = [
        path for folder in PHOTOGRAPHS for path in sorted((CORPUS / "files" / folder).rglob("*")) if path.is_file()
    ]
    children, made, names = Pictures(start_pool(2)), [], {}
    for number, path in enumerate(files):
        got: list[bytes] = []
        data = path.read_bytes()
        try:
            children.make(path, [PERCEPTUAL], lambda _, hashed, got=got: got.append(hashed))  # type: ignore[misc]
        except PictureError:
            continue
        digest = hashlib.sha256(data).hexdigest()
        made.append(Picture(id=number, sha256=digest, size=len(data), hash=PerceptualHash.from_bytes(got[0])))
        names[number] = path.relative_to(CORPUS).as_posix()
    children.close()
    return made, names


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def told(name: str, times: list[float]) -> None:
    print(f"  {name:<12}{statistics.median(times):9.2f}{max(times):9.2f}")


if __name__ == "__main__":
    main()
