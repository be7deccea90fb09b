"""`make bench-store`: GETs of a stored thumbnail of 5 KB and uploads of small photos: ours, Express, nginx; medians.

Each server has one core, the load the other. `no_cache` is ours without the host's memory, `no_worker` without the
worker, which makes the pictures of what has been uploaded. nginx cannot hash an upload, so it has none. Options:
--rounds, --seconds, --only a,b,c.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

import psutil

# Shared with the other benchmarks: servers and loads of the proxy's, photos of the pictures'.
sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("proxy", "images")]

from loads import PeakMemory, wrk  # noqa: E402
from servers import Field  # noqa: E402
from uploading import uploads  # noqa: E402

NAMES = ("mediabridge", "no_cache", "no_worker", "express", "nginx")
HEAD = {
    "get16": "GET/s 16", "get64": "GET/s 64", "p50_16": "p50 ms 16", "p99_16": "p99 ms 16", "p99_64": "p99 ms 64",
    "cpu": "CPU µs a GET", "mb_get": "MB at 64", "up8": "uploads/s 8", "up_p50": "p50 ms", "up_p99": "p99 ms",
    "cpu_up": "CPU ms an upload", "mb_up": "MB in uploads",
}  # fmt: skip
# column, contender, peer, least ratio; 0 tells only
RATIOS = (
    ("get16", "mediabridge", "express", 2.0), ("get64", "mediabridge", "express", 2.0),
    ("get16", "mediabridge", "nginx", 0), ("get64", "mediabridge", "nginx", 0),
    ("up8", "mediabridge", "express", 0), ("up8", "no_worker", "express", 0),
)  # fmt: skip


def gets(one, seconds, row):
    """GETs of the thumbnail over 16 and 64 connections."""
    url = f"http://127.0.0.1:{one.port}{one.path}"
    for connections in (16, 64):
        used = cpu_s(one.process.pid)
        with PeakMemory(one.process.pid) as memory:
            rate, p50, p99, errors = wrk(url, connections, seconds)
        if errors:
            raise RuntimeError(f"{one.name}: {errors} errors at {connections} connections")
        row[f"get{connections}"].append(rate)
        row[f"p99_{connections}"].append(p99)
        if connections == 16:
            row["p50_16"].append(p50)
            row["cpu"].append((cpu_s(one.process.pid) - used) / (rate * seconds) * 1e6)
    row["mb_get"].append(memory.peak)


def posts(one, jpeg, seconds, row):
    """Uploads over 8 connections; afterwards the server is let finish what it has left to do for them."""
    used = cpu_s(one.process.pid)
    with PeakMemory(one.process.pid) as memory:
        rate, p50, p99 = uploads(one.port, jpeg, 8, seconds)
    cost_ms = (cpu_s(one.process.pid) - used) / (rate * seconds) * 1000
    values = {"up8": rate, "up_p50": p50, "up_p99": p99, "cpu_up": cost_ms, "mb_up": memory.peak}
    for column, value in values.items():
        row[column].append(value)
    rest(one.process.pid)


def cpu_s(pid):
    """Processor time that a process and those it has started have used."""
    total = 0.0
    for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        used = one.cpu_times()
        total += used.user + used.system
    return total


def rest(pid, most_s=60):
    """Wait until a server has done what is left of its uploads, so that the next one has the machine alone."""
    end = time.monotonic() + most_s
    before = cpu_s(pid)
    while time.monotonic() < end:
        time.sleep(0.5)
        now = cpu_s(pid)
        if now - before < 0.05:
            return
        before = now


def report(results):
    """Print the table and the ratios; gives whether all bounds hold."""
    middle = {name: {c: statistics.median(v) for c, v in row.items() if v} for name, row in results.items()}
    print("| server | " + " | ".join(HEAD.values()) + " |\n|" + " --- |" * (len(HEAD) + 1))
    for name, row in middle.items():
        print(f"| {name} | " + " | ".join(_figure(row.get(column)) for column in HEAD) + " |")
    print()
    held = True
    for column, name, peer, least in RATIOS:
        if column in middle.get(name, {}) and column in middle.get(peer, {}):
            ratio = middle[name][column] / middle[peer][column]
            held &= ratio >= least
            word = "    " if not least else "ok  " if ratio >= least else "MISS"
            print(f"{word}  {HEAD[column]}: {name} / {peer}: {ratio:.2f}" + (f" (bound >= {least:g})" if least else ""))
    return held


def _figure(number):
    return "–" if number is None else f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", default=",".join(NAMES))
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("the load is wrk's: install it (Debian: apt-get install wrk)")
    with Field(options.only.split(",")) as field:
        for name, missing in field.left_out.items():
            print(f"left out: {name} (needs {', '.join(missing)})", file=sys.stderr)
        print(f"thumbnail {len(field.thumbnail)} bytes, photo {len(field.photo)}; load {os.getloadavg()[0]:.1f}")
        results = {one.name: {column: [] for column in HEAD} for one in field.servers}
        for number in range(options.rounds):
            for one in field.servers:
                print(f"round {number + 1} of {options.rounds}: {one.name}", file=sys.stderr)
                if one.shows:
                    gets(one, options.seconds, results[one.name])
                if one.takes:
                    posts(one, field.photo, options.seconds, results[one.name])
    sys.exit(0 if report(results) else 1)


if __name__ == "__main__":
    main()
