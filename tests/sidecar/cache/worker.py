"""A process that uses the cache: `worker.py COMMAND FOLDER ...`. What each command does stands at its function."""

from __future__ import annotations

import os
import random
import resource
import sys
import time
from pathlib import Path

from mediabridge.sidecar.cache import Limits, ResultCache, key_of


def say(*words: object) -> None:
    print(*words, flush=True)


def cache(folder: str, size_mb: str = "10", entries: int = 50) -> ResultCache:
    return ResultCache(Limits(entries, int(size_mb)), Path(folder), patience_s=60)


def once(folder: str, word: str, log: str, seconds: str) -> None:
    """Wait for a line, ask for one key; who computes leaves a line in `log`, then takes `seconds`."""

    def compute() -> dict[str, object]:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(float(seconds))  # the work
        return {"by": os.getpid()}

    parts = cache(folder)
    say("ready")
    sys.stdin.readline()
    value, cached = parts.get_or_compute(key_of(word, engine="test", version="1"), compute)
    say(value["by"], cached)


def fill(folder: str, size_mb: str, seed: str, number: str) -> None:
    """Put `number` entries of random sizes, and say each that is kept."""
    parts, rng = cache(folder, size_mb, entries=0), random.Random(int(seed))
    say("ready")
    for count in range(int(number)):
        word = f"{seed}-{count}"
        body = rng.randbytes(rng.choice((50, 1000, 4000, 15000))).hex()
        parts.put(key_of(word, engine="test", version="1"), {"word": word, "body": body})
        say(word)
    parts.close()


def read(folder: str, word: str) -> None:
    """For each line that comes: does a word's entry come out?"""
    parts = cache(folder, entries=0)
    for _ in sys.stdin:
        found = parts.get(key_of(word, engine="test", version="1"))
        say("found" if found else "missing", parts.tiers.disk.stats.repairs if parts.tiers.disk else "-")


def cramped(folder: str, most: str) -> None:
    """Put entries while no file of this process may grow beyond `most` bytes, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
    parts = cache(folder)
    for count in range(40):
        parts.put(key_of(str(count), engine="test", version="1"), {"x": random.Random(count).randbytes(3000).hex()})
    assert parts.tiers.disk is not None
    say(parts.tiers.disk.on, parts.tiers.disk.stats.turned_off)
    say(parts.get(key_of("39", engine="test", version="1")) is not None)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
