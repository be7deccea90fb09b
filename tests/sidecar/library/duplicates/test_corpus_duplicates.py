"""The corpus' groups of duplicates among its photographs: all found, and nothing else beside what shows the same."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

from mediabridge.sidecar.images import PerceptualHash, PictureError
from mediabridge.sidecar.library.duplicates import Picture, find_groups

FOLDERS = ("duplicates", "real", "ai")


def test_precision_and_recall(corpus: Path, hashed: Callable[[Path], PerceptualHash | None]) -> None:
    paths = [path for folder in FOLDERS for path in sorted((corpus / folder).rglob("*")) if path.is_file()]
    files, names = [], {}
    for number, path in enumerate(paths):
        data = path.read_bytes()
        try:
            found = hashed(path)
        except PictureError:
            continue
        files.append(Picture(id=number, sha256=hashlib.sha256(data).hexdigest(), size=len(data), hash=found))
        names[number] = path.relative_to(corpus.parent).as_posix()
    rows = csv.DictReader((corpus.parent / "gt/duplicates.csv").read_text("utf-8").splitlines())
    truth = {row["file"]: row["group"] for row in rows}
    expected = {pair for pair in combinations(sorted(truth), 2) if truth[pair[0]] == truth[pair[1]]}
    groups = [sorted(names[member.id] for member in group.members) for group in find_groups(files)]
    merged = {pair for group in groups for pair in combinations(group, 2)}
    print(f"{len(files)} pictures, pairs: {len(merged & expected)} right, {len(merged - expected)} wrong, "
          f"{len(expected - merged)} missed")  # fmt: skip
    assert len(files) >= 60
    assert merged == expected
