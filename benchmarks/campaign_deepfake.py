"""`make campaign-deepfake`: how many labels are needed, and how many rounds with wrong labels are promoted."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
import poisoning

from mediabridge.sidecar.deepfake.model import fit

POOL = 400
SHARES = (0.0, 0.1, 0.3, 0.5, 0.8, 1.0)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    started = time.monotonic()
    print(f"Pictures of the tests, {POOL} of each class, JPEG 75 to 95 for both; {runs} draws each.\n")
    _learning(runs)
    fit.DRAWS = 2  # the bootstrap moves no gate
    for users in (1, 4):
        _poisoning(runs, users)
    print(f"\n{time.monotonic() - started:.0f} s")


def _learning(runs: int) -> None:
    fit.DRAWS = 2
    print("| labels of each class | AUC on unseen files (min, mean) | ECE (mean, max) |\n| --- | --- | --- |")
    for labels in (20, 50, 100, 150):
        found = [poisoning.learning(number, labels, POOL) for number in range(min(runs, 10))]
        aucs, eces = [one.auc for one in found], [one.ece for one in found]
        print(f"| {labels} | {min(aucs):.3f}, {np.mean(aucs):.3f} | {np.mean(eces):.3f}, {max(eces):.3f} |")


def _poisoning(runs: int, users: int) -> None:
    print(
        f"\nNew labels of {users} user(s), {poisoning.FRESH} of each class beside {poisoning.KNOWN} known ones, "
        f"golden set {poisoning.GOLDEN} of each class:\n"
    )
    print("| wrong labels | rounds promoted | AUC before, after | false alarms before, after | gates that said no |")
    print("| --- | --- | --- | --- | --- |")
    for share in SHARES:
        found = [poisoning.run(number, share, pool=POOL, users=users) for number in range(runs)]
        said = Counter(name for one in found for name in one.failed)
        told = ", ".join(f"{name} {number}" for name, number in said.most_common()) or "none"
        before, after = (np.mean([getattr(one, name) for one in found]) for name in ("champion_auc", "auc_after"))
        alarms = [np.mean([getattr(one, f"false_alarms_{when}") for one in found]) for when in ("before", "after")]
        promoted = sum(one.promoted for one in found)
        figures = f"{before:.3f}, {after:.3f} | {alarms[0]:.3f}, {alarms[1]:.3f}"
        print(f"| {share:.0%} | {promoted} of {runs} | {figures} | {told} |", flush=True)


if __name__ == "__main__":
    main()
