"""Uploads while sidecar and worker are killed; 1 when something was lost, served in halves, or left behind.

`make campaign-store`, or `python benchmarks/campaign_store.py [--uploads N] [--every SECONDS]`.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import http.client
import io
import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from campaign_extract import Service
from PIL import Image

HOST = (sys.executable, str(Path(__file__).with_name("store_host.py")))
CLIENTS = 8
PATIENCE_S = 120
VICTIMS = ("mediabridge.sidecar", "mediabridge.sidecar.jobs.worker")
CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "files"


class Files:
    """The n-th file: small and large photographs, text, and what the corpus has of RAW, video and documents."""

    def __init__(self) -> None:
        self._small, self._large = _photo(64), _photo(1600)
        found = sorted(path for folder in ("raw", "video", "text", "ocr") for path in (CORPUS / folder).rglob("*.*"))
        self._others = [path.read_bytes() for path in found if path.is_file() and path.stat().st_size < 1 << 20]

    def __call__(self, number: int) -> bytes:
        dice = random.Random(number)
        mark = f"\n{number}".encode()  # behind the end of the picture: another content each time
        if number % 50 == 7 and self._others:
            return self._others[number // 50 % len(self._others)] + mark
        if number % 10 == 3:
            return dice.randbytes(200).hex().encode() * dice.randrange(1, 50) + mark
        return (self._large if number % 40 == 11 else self._small) + mark


def _photo(side: int) -> bytes:
    rough = np.random.default_rng(side).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()


class Campaign:
    """Uploads from several clients; what was acknowledged, and what was only tried."""

    def __init__(self, uploads: int, every_s: float) -> None:
        self.files, self.uploads, self.every_s = Files(), uploads, every_s
        self.service = Service(command=HOST, output=subprocess.DEVNULL)  # it tells of every kill
        self.acknowledged: dict[int, str] = {}
        self.ends: collections.Counter[str] = collections.Counter()
        self.kills: collections.Counter[str] = collections.Counter()
        self.halves = self.asked = 0
        self._over = threading.Event()

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"x-filename": "a"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def run(self) -> None:
        killer = threading.Thread(target=self._kill)
        killer.start()
        with ThreadPoolExecutor(CLIENTS) as clients:
            for done, _ in enumerate(clients.map(self._upload, range(self.uploads)), 1):
                if done % 1000 == 0:
                    print(f"{done} uploads, {sum(self.kills.values())} kills", file=sys.stderr, flush=True)
        self._over.set()
        killer.join()

    def _kill(self) -> None:
        dice, victims = random.Random(1), itertools.cycle(VICTIMS)
        while not self._over.wait(self.every_s * (0.5 + dice.random())):
            victim = next(victims)
            with contextlib.suppress(StopIteration, psutil.Error):
                self.service.process_of(victim).kill()
                self.kills[victim.rpartition(".")[2]] += 1

    def _upload(self, number: int) -> None:
        """Send it until it is acknowledged, as a client would that wants it stored."""
        content = self.files(number)
        digest = hashlib.sha256(content).hexdigest()
        until = time.monotonic() + PATIENCE_S
        while number not in self.acknowledged and time.monotonic() < until:
            try:
                status, body = self.ask("POST", "/upload", content)
            except (OSError, http.client.HTTPException) as problem:
                self.ends[type(problem).__name__] += 1
            else:
                self.ends[str(status)] += 1
                if status == 200 and json.loads(body)["contentHash"] == digest:
                    self.acknowledged[number] = digest
                    return
            self._look(digest, content)
            time.sleep(0.05)

    def _look(self, digest: str, content: bytes) -> None:
        """What was not acknowledged is there as a whole, or not at all."""
        with contextlib.suppress(OSError, http.client.HTTPException):  # the sidecar died under this question
            status, body = self.ask("GET", f"/cache/{digest}/original")
            self.asked += 1
            self.halves += status == 200 and body != content

    def settle(self) -> dict[str, int]:
        """The jobs by status, once none waits or runs."""
        until = time.monotonic() + PATIENCE_S
        counts: dict[str, int] = {}
        while time.monotonic() < until:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError):
                counts = json.loads(self.ask("GET", "/api/jobs?limit=1")[1])["counts"]
                if not counts.get("queued") and not counts.get("running"):
                    break
            time.sleep(0.2)
        return counts

    def lost(self) -> list[int]:
        """Acknowledged uploads that do not come back byte for byte."""

        def whole(item: tuple[int, str]) -> bool:
            status, body = self.ask("GET", f"/cache/{item[1]}/original")
            return status == 200 and hashlib.sha256(body).hexdigest() == item[1]

        with ThreadPoolExecutor(CLIENTS) as clients:
            known = sorted(self.acknowledged.items())
            return [item[0] for item, good in zip(known, clients.map(whole, known), strict=True) if not good]

    def stop(self) -> list[Path]:
        """End the service; gives temporary files that are left."""
        self.service.process.send_signal(signal.SIGINT)
        self.service.process.wait(30)
        folder = self.service.folder
        places = (
            folder / "tmp",
            folder / "store/.incoming",
            folder / "cache/.incoming",
            folder / "cache/results/flights",
        )
        left = [path for place in places if place.exists() for path in place.rglob("*") if path.is_file()]
        return [path for path in left if path.name != ".lock"]


def report(campaign: Campaign) -> list[tuple[str, str, bool]]:
    begun = time.monotonic()
    campaign.run()
    took = time.monotonic() - begun
    jobs = campaign.settle()
    over_all = not jobs.get("queued") and not jobs.get("running") and bool(jobs)
    lost, missing = campaign.lost(), campaign.uploads - len(campaign.acknowledged)
    left = campaign.stop()
    for path in left[:10]:
        print(f"left: {path.relative_to(campaign.service.folder)}", file=sys.stderr)
    shutil.rmtree(campaign.service.folder, ignore_errors=True)
    ends = ", ".join(f"{count} × {end}" for end, count in campaign.ends.most_common())
    kills = ", ".join(f"{count} × {name}" for name, count in campaign.kills.most_common())
    over = ", ".join(f"{count} {status}" for status, count in sorted(jobs.items()))
    return [
        (f"{campaign.uploads} uploads in {took:.0f} s; answers", ends, missing == 0),
        ("killed with SIGKILL", kills, len(campaign.kills) == len(VICTIMS)),
        ("acknowledged, and not there byte for byte", str(len(lost)), not lost),
        (f"half files served, of {campaign.asked} not acknowledged", str(campaign.halves), campaign.halves == 0),
        ("jobs at the end", over, over_all),
        ("temporary files left", str(len(left)), not left),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between two kills, on average")
    options = parser.parse_args()
    held = True
    rows = report(Campaign(options.uploads, options.every))
    print("| | figure | |\n| --- | --- | --- |")
    for what, figure, ok in rows:
        held &= ok
        print(f"| {what} | {figure} | {'ok' if ok else 'MISS'} |", flush=True)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
