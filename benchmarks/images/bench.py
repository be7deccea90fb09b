"""Four presets of twelve-megapixel JPEGs: us, sharp, Pillow, libvips. One run, interleaved: `make bench-images`.

Bounds: 1.6 times the files a second of sharp with a pipeline for each preset, 0.95 of sharp at its best, at no more
memory. Memory is that of all processes of a contender together (resident, sampled), after the first round.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import inputs
import psutil
import quality

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / ".venv" / "bench-images"  # where the Makefile puts pyvips, no dependency of ours
PRESET_NAMES = ("ai-vision", "ai-chat", "preview", "thumbnail")
NAMES = {
    "ours": "mediabridge",
    "sharp each": "sharp, a pipeline for each preset",
    "sharp best": "sharp, one decode, each from the next larger",
    "pillow_naive": "Pillow, open and thumbnail for each preset",
    "pillow_best": "Pillow, one decode, each from the next larger",
    "vips_best": "pyvips, one decode, each from the next larger",
}


@dataclass
class Contender:
    """A process that stays, with what was measured of it."""

    name: str
    workers: int
    process: subprocess.Popen[str]
    walls: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: int = 0

    def run(self, files: list[Path], out: Path | None, *, counts: bool = True) -> None:
        """One batch. The first is a rehearsal: nothing of it counts."""
        assert self.process.stdin
        assert self.process.stdout
        done = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(done,))
        before = self._cpu()
        sampler.start()
        self.process.stdin.write(json.dumps({"files": [str(file) for file in files], "out": out and str(out)}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        done.set()
        sampler.join()
        if not line:
            raise SystemExit(f"{self.name} ended: {self.process.wait()}")
        if counts:
            answer = json.loads(line)
            self.walls.append(answer["wall"])
            self.ms += answer["ms"]
            self.cpu.append((self._cpu() - before) / len(files))

    def _tree(self) -> list[psutil.Process]:
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def _cpu(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._tree())

    def _sample(self, done: threading.Event) -> None:
        while not done.wait(0.02):
            self.peak = max(self.peak, sum(process.memory_info().rss for process in self._tree()))


def start(name: str, workers: int) -> Contender:
    if name.startswith("sharp"):
        command = ["node", str(HERE / "contender.mjs"), name.split()[1], str(workers)]
    else:
        command = [sys.executable, str(HERE / "contender.py"), name, str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES)} if name.startswith("vips") else None
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=HERE
    )
    return Contender(name, workers, process)


def there() -> list[str]:
    """The contenders that are installed; the others are named."""
    missing = set()
    if not (shutil.which("node") and (HERE / "node_modules" / "sharp").is_dir()):
        missing |= {"sharp each", "sharp best"}
    if not (PACKAGES / "pyvips").is_dir():
        missing.add("vips_best")
    for name in sorted(missing):
        print(f"left out, not installed: {NAMES[name]}")
    return [name for name in NAMES if name not in missing]


def report(contenders: list[Contender], files: int) -> dict[str, float]:
    """A table of one number of workers; files a second by name."""
    rates = {}
    print(f"\n{contenders[0].workers} worker(s)       files/s   ms p50   ms max   CPU ms   peak MB")
    for one in contenders:
        rates[one.name] = files / statistics.median(one.walls)
        middle, most = statistics.median(one.ms), max(one.ms)
        cpu = 1000 * statistics.median(one.cpu)
        row = f"{one.name:<18}{rates[one.name]:10.2f}{middle:9.0f}{most:9.0f}{cpu:9.0f}{one.peak / 1e6:10.0f}"
        print(row)
    for peer in ("sharp each", "sharp best"):
        if peer in rates:
            print(f"ours / {peer}: {rates['ours'] / rates[peer]:.2f}")
    return rates


def look(names: list[str], files: list[Path], folder: Path) -> None:
    print(f"\n{'KB, PSNR dB, SSIM':<20}" + "".join(f"{preset:>24}" for preset in PRESET_NAMES))
    for name in names:
        cells = []
        for preset in PRESET_NAMES:
            made = [folder / name / f"{file.name}.{preset}" for file in files]
            figures = [quality.compare(file, one) for file, one in zip(files, made, strict=True)]
            size = statistics.mean(one.stat().st_size for one in made) / 1000
            decibels, likeness = (statistics.mean(column) for column in zip(*figures, strict=True))
            cells.append(f"{size:8.1f}{decibels:8.2f}{likeness:8.4f}")
        print(f"{name:<20}" + "".join(cells))


def measure(names: list[str], workers: int, files: list[Path], rounds: int, out: Path) -> list[Contender]:
    contenders = [start(name, workers) for name in names]
    try:
        for one in contenders:
            (out / one.name).mkdir(exist_ok=True)
            one.run(files[:2] * workers, None, counts=False)
            one.peak = 0
        for index in range(rounds):
            for one in contenders:
                one.run(files, out / one.name if index == rounds - 1 else None)
    finally:
        for one in contenders:
            assert one.process.stdin
            one.process.stdin.close()
            one.process.wait(30)
    return contenders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    names = there()
    for name in names:
        print(f"{name:<18}{NAMES[name]}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = inputs.write(folder, options.files)
        print(f"{len(files)} files, {statistics.mean(file.stat().st_size for file in files) / 1e6:.1f} MB on average")
        for workers in (1, 2):
            report(measure(names, workers, files, options.rounds, folder), len(files))
        look(names, files[:2], folder)


if __name__ == "__main__":
    main()
