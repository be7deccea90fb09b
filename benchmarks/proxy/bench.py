"""`make bench-proxy`: ours and the peers in one run, interleaved, medians; prints a table and the ratios of the issue.

Each proxy has one core, load and upstreams share the other. Options: --rounds, --seconds, --only a,b,c.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from contenders import Contender, Field
from loads import PeakMemory, uploads, wrk

NAMES = ("asgi", "asgi_plain", "asgi_granian", "wsgi", "express", "express_handler", "hpm", "hpm_ka", "nginx", "caddy")
COLUMNS = ("get1", "get16", "get64", "p50_16", "p99_64", "mb16", "up1", "up8", "mem8")
HEAD = {
    "get1": "GET/s 1", "get16": "GET/s 16", "get64": "GET/s 64", "p50_16": "p50 ms 16", "p99_64": "p99 ms 64",
    "mb16": "1 MB GET/s", "up1": "100 MB MB/s", "up8": "8 at once MB/s", "mem8": "MB over idle in 8",
}  # fmt: skip
EXPRESS_BOUNDS = (("get16", 1.4), ("get64", 1.4), ("mb16", 2.5), ("up1", 1.8), ("up8", 1.5))
# column, contender, peer, least ratio (or, for p99, the most)
BOUNDS = (
    ("get16", "asgi", "hpm_ka", 4.0), ("get64", "asgi", "hpm_ka", 4.0), ("get16", "asgi", "caddy", 1.0),
    ("get64", "asgi", "caddy", 1.0), ("get16", "wsgi", "hpm_ka", 1.3), ("get64", "wsgi", "hpm_ka", 1.3),
    ("mb16", "asgi", "hpm_ka", 2.5), ("up1", "asgi", "hpm_ka", 1.8), ("up8", "asgi", "hpm_ka", 1.5),
    *((column, "express", "hpm_ka", least) for column, least in EXPRESS_BOUNDS),
    *((column, "express_handler", "hpm_ka", least) for column, least in EXPRESS_BOUNDS),
    ("get16", "asgi_granian", "hpm_ka", 4.0), ("get64", "asgi_granian", "hpm_ka", 4.0),
)  # fmt: skip
MOST_P99 = 0.25
UPLOADS = 4  # one after another in each round
MOST_MEMORY_MB = 50


def measure(one: Contender, seconds, results):
    """One round of everything for one contender."""
    small, large = f"http://127.0.0.1:{one.port}/api/extract/small", f"http://127.0.0.1:{one.port}/api/megabyte"
    row = results.setdefault(one.name, {column: [] for column in COLUMNS})
    for column, connections in (("get1", 1), ("get16", 16), ("get64", 64)):
        rate, p50, p99, errors = wrk(small, connections, seconds)
        if errors:
            raise RuntimeError(f"{one.name}: {errors} errors at {connections} connections")
        row[column].append(rate)
        if connections == 16:
            row["p50_16"].append(p50)
        if connections == 64:
            row["p99_64"].append(p99)
    row["mb16"].append(wrk(large, 16, seconds)[0])
    row["up1"] += [uploads(one.port, 100, 1) for _ in range(UPLOADS)][1:]  # the first one warms up
    with PeakMemory(one.process.pid if one.process else 0) as memory:
        row["up8"].append(uploads(one.port, 100, 8))
    row["mem8"].append(memory.growth)


def direct(field, seconds, results):
    """The same without a proxy."""
    row = results.setdefault("direct", {column: [] for column in COLUMNS})
    for column, connections in (("get1", 1), ("get16", 16), ("get64", 64)):
        rate, p50, p99, _ = wrk(f"http://127.0.0.1:{field.small.port}/api/extract/small", connections, seconds)
        row[column].append(rate)
    row["p50_16"].append(p50)
    row["p99_64"].append(p99)
    row["mb16"].append(wrk(f"http://127.0.0.1:{field.large.port}/api/megabyte", 16, seconds)[0])
    row["up1"].append(uploads(field.large.port, 100, 1))
    row["up8"].append(uploads(field.large.port, 100, 8))
    row["mem8"].append(0.0)


def report(results):
    """Print the table and the ratios; gives whether all bounds hold."""
    middle = {name: {c: statistics.median(v) for c, v in row.items()} for name, row in results.items()}
    print("| proxy | " + " | ".join(HEAD.values()) + " |\n|" + " --- |" * (len(HEAD) + 1))
    for name, row in middle.items():
        print(f"| {name} | " + " | ".join(_figure(row[column]) for column in COLUMNS) + " |")
    print()
    held = True
    for column, name, peer, least in BOUNDS:
        if name in middle and peer in middle:
            ratio = middle[name][column] / middle[peer][column]
            held &= _verdict(f"{HEAD[column]}: {name} / {peer}", ratio, ratio >= least, f">= {least:g}")
    for name in ("asgi", "express", "express_handler"):
        if name in middle and "hpm_ka" in middle:
            ratio = middle[name]["p99_64"] / middle["hpm_ka"]["p99_64"]
            held &= _verdict(f"p99 at 64: {name} / hpm_ka", ratio, ratio <= MOST_P99, f"<= {MOST_P99:g}")
        if name in middle:
            memory = middle[name]["mem8"]
            held &= _verdict(
                f"MB over idle in 8 uploads: {name}", memory, memory <= MOST_MEMORY_MB, f"<= {MOST_MEMORY_MB}"
            )
    return held


def _figure(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def _verdict(what, value, holds, bound):
    print(f"{'ok  ' if holds else 'MISS'}  {what}: {value:.2f} (bound {bound})")
    return holds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", default=",".join(NAMES))
    options = parser.parse_args()
    results = {}
    with Field(options.only.split(",")) as field:
        for name, missing in field.left_out.items():
            print(f"left out: {name} (needs {', '.join(missing)})", file=sys.stderr)
        for number in range(options.rounds):
            direct(field, options.seconds, results)
            for one in field.contenders:
                print(f"round {number + 1} of {options.rounds}: {one.name}", file=sys.stderr)
                measure(one, options.seconds, results)
    sys.exit(0 if report(results) else 1)


if __name__ == "__main__":
    main()
