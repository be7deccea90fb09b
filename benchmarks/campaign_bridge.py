"""The fault campaign of the bridge: does every harm many times, prints the figures, ends with 1 when a bound is missed.

`make campaign-bridge`, or `python benchmarks/campaign_bridge.py [--short] [--seed N] [PART ...]`.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the hostile sidecars and their helpers live among the tests

import bridge_faults as faults

Part = Callable[[int, random.Random, faults.Step], list[faults.Figure]]

# name: what is done, how often in full, how often in short
PARTS: dict[str, tuple[Part, int, int]] = {
    "kills": (faults.kills, 300, 8),
    "crashes": (faults.crashes, 300, 12),
    "cycles": (faults.cycles, 200, 12),
    "stubborn": (faults.stubborn, 5, 1),
    "lines": (faults.lines, 1_000_000, 1_000_000),
    "idle": (faults.idle, 60, 5),
}


def progress(name: str) -> faults.Step:
    """A line on the terminal that grows; nothing elsewhere."""

    def step(done: int, of: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{name}: {done} of {of}")
            sys.stderr.flush()

    return step


def show(figures: list[faults.Figure]) -> None:
    """A table of what was measured and what was to hold."""
    for figure in figures:
        verdict = {True: "ok", False: "MISSED", None: ""}[figure.holds]
        print(f"  {figure.name:<80} {figure.value:>20}  {figure.bound:<10} {verdict}", flush=True)


def main(arguments: list[str]) -> int:
    """Exit code: 0 when every bound holds, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--short", action="store_true", help="small counts, under a minute")
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args(arguments)
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**6)
    logging.getLogger("mediabridge").setLevel(logging.CRITICAL)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"seed {seed}, {os.cpu_count()} processors, load {load}, Python {sys.version.split()[0]}")
    missed = []
    for name in asked.parts or PARTS:
        part, full, short = PARTS[name]
        begin = time.monotonic()
        figures = part(short if asked.short else full, random.Random(seed), progress(name))
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        print(f"{name} ({time.monotonic() - begin:.0f} s)")
        show(figures)
        missed += [figure for figure in figures if figure.holds is False]
    for figure in missed:
        print(f"missed: {figure.name}: {figure.value}, wanted {figure.bound} (seed {seed})", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
