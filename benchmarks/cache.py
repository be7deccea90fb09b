"""What a hit costs: memory, disk, a plain dict, a JSON file. Run: .venv/bin/python benchmarks/cache.py"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mediabridge.sidecar.cache import Limits, ResultCache, key_of

ROUNDS = 400
SIZES = (2_000, 20_000, 50_000, 200_000)  # bytes of JSON


def metadata(size: int) -> dict[str, Any]:
    """A table of tags as ExifTool gives them: short texts and numbers, about `size` bytes of JSON."""
    kinds = ("Horizontal (normal)", 72, 2.8, "2019:06:01 10:20:30", "41 deg 51' 10.80\"", [1, 2, 3])
    made: dict[str, Any] = {"EXIF": {}}
    while len(json.dumps(made)) < size:
        start = len(made["EXIF"])
        made["EXIF"].update({f"SomeTagName{number}": kinds[number % len(kinds)] for number in range(start, start + 20)})
    return made


def micros(action: Callable[[], object]) -> tuple[float, float]:
    """Median and 99th percentile in microseconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        action()
        times.append((time.perf_counter_ns() - start) / 1000)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def show(what: str, size: int, figures: tuple[float, float]) -> None:
    print(f"{size // 1000:>5} KB  {what:<28}{figures[0]:>10.1f} µs{figures[1]:>10.1f} µs")


def measure(folder: Path, size: int) -> None:
    """One size, all ways."""
    value = metadata(size)
    key = key_of(str(size), engine="benchmark", version="1")
    memory, disk = ResultCache(Limits(100, 50), folder), ResultCache(Limits(0, 50), folder)
    memory.put(key, value)
    table, file = {key: value}, folder / "value.json"
    file.write_text(json.dumps(value), encoding="utf-8")
    keys = iter(key_of(f"{size} {number}", engine="benchmark", version="1") for number in range(ROUNDS))
    show("plain dict, shared object", size, micros(lambda: table[key]))
    show("hit in memory, shared", size, micros(lambda: memory.get_or_compute(key, dict, shared=True)))
    show("hit in memory, own copy", size, micros(lambda: memory.get(key)))
    show("hit on disk", size, micros(lambda: disk.get(key)))
    show("JSON file", size, micros(lambda: json.loads(file.read_bytes())))
    show("miss, computed and kept", size, micros(lambda: memory.get_or_compute(next(keys), lambda: value)))
    memory.close()
    disk.close()


def main() -> None:
    print(f"{'':>9} {'':<28}{'median':>10}   {'p99':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            measure(Path(folder), size)


if __name__ == "__main__":
    main()
