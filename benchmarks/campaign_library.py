"""Imports and exports while sidecar and worker are killed, and many who write at once; 1 when a bound was missed.

`make campaign-library`, or `python benchmarks/campaign_library.py [--kills N] [--files N] [--minutes M] [--part PART]`.
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
import os
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from campaign_extract import PROGRAM, Service
from PIL import Image

HOST = (sys.executable, str(Path(__file__).with_name("store_host.py")))
WORKER, SIDECAR = "mediabridge.sidecar.jobs.worker", "mediabridge.sidecar"
DEATHS = 4  # of workers under one job; the fifth makes it a dead letter, by rule
OVER = ("completed", "failed", "cancelled")
PATIENCE_S = 180
Row = tuple[str, str, bool]


def photo(number: int, year: int) -> bytes:
    """A small JPEG of that year; no two are the same, some look alike."""
    rough = np.random.default_rng(number // 3).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x010F] = f"Camera {number}"
    exif.get_ifd(0x8769)[0x9003] = (
        f"{year}:{1 + number % 12:02}:{1 + number // 12 % 28:02} 10:{number // 336 % 60:02}:00"
    )
    out = io.BytesIO()
    Image.fromarray(rough).resize((64, 48), Image.Resampling.BICUBIC).save(out, "JPEG", exif=exif)
    return out.getvalue()


class Hosted:
    """A service with a folder of photos and one for exports."""

    def __init__(self, command: tuple[str, ...], **env: str) -> None:
        self._places = [Path(f"/tmp/campaign-library-{os.getpid()}-{name}") for name in ("photos", "target")]
        self.photos, self.target = self._places
        for place in self._places:
            place.mkdir()
        os.environ |= {
            "IMPORT_ROOTS": str(self.photos),
            "EXPORT_ROOTS": str(self.target),
            "EXTRACT_PROCESSES": "1",
            **env,
        }
        self._log = (self.photos.with_suffix(".log")).open("wb")
        self.service = Service(command=command, output=self._log.fileno())
        self.database = self.service.folder / "instance/library.db"

    def fill(self, name: str, files: int, year: int) -> Path:
        folder = self.photos / name
        for number in range(files):
            path = folder / f"{number % 7}" / f"IMG_{number:04}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo(number, year))
        return folder

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        with contextlib.closing(connection):
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def surely(self, method: str, path: str, body: object, *good: int) -> Any:
        """Again until it is answered so, as a client would who wants it done."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                status, told = self.ask(method, path, body)
                if status in good:
                    return told
            time.sleep(0.05)
        msg = f"{method} {path} was not answered with {good} in {PATIENCE_S} s"
        raise TimeoutError(msg)

    def rows(self, statement: str, *values: object) -> list[Any]:
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(statement, values).fetchall()

    def stop(self) -> list[Path]:
        """End it; gives temporary files that are left."""
        self.service.process.send_signal(signal.SIGINT)
        self.service.process.wait(60)
        self._log.close()
        folder = self.service.folder
        places = [folder / name for name in ("tmp", "store/.incoming", "cache/.incoming", "cache/results/flights")]
        left = [path for place in places if place.exists() for path in place.rglob("*") if not path.is_dir()]
        return [path for path in left if path.name != ".lock"]

    @property
    def log(self) -> str:
        return self.photos.with_suffix(".log").read_text("utf-8", "replace")

    def remove(self) -> None:
        for place in (self.service.folder, *self._places):
            shutil.rmtree(place, ignore_errors=True)
        self.photos.with_suffix(".log").unlink(missing_ok=True)


class Kills:
    """Rounds of an import and an export of fresh files, with deaths at random moments of each."""

    def __init__(self, kills: int, files: int) -> None:
        self.kills, self.files = kills, files
        self.dice = random.Random(1)
        self.hosted = Hosted(HOST)
        self.killed: collections.Counter[str] = collections.Counter()
        self.wrong: dict[str, list[str]] = {name: [] for name in ("imported", "exported", "changed", "database")}
        self.done = {"import": 0, "export": 0}

    def run(self) -> None:
        for number in itertools.count():
            if sum(self.killed.values()) >= self.kills:
                return
            self._round(number)
            print(f"round {number}: {sum(self.killed.values())} kills", file=sys.stderr, flush=True)

    def _round(self, number: int) -> None:
        year = 1990 + number
        folder = self.hosted.fill(f"round-{number}", self.files, year)
        before = fingerprints(folder)
        target = self.hosted.target / f"round-{number}"
        self._job("import", "/api/import-path", {"path": str(folder)})
        self._check_import(folder, before)
        body = {"target": str(target), "keepersOnly": False, "from": f"{year}", "to": f"{year}"}
        self._job("export", "/api/library/export", body)
        self._check_export(target)
        if fingerprints(folder) != before:
            self.wrong["changed"].append(folder.name)
        if (found := self.hosted.rows("PRAGMA integrity_check")) != [("ok",)]:
            self.wrong["database"].append(str(found))

    def _job(self, kind: str, path: str, body: dict[str, Any]) -> None:
        """Submit it, and kill while it runs."""
        job = self.hosted.surely("POST", path, body, 202)["jobId"]
        victims = [WORKER] * DEATHS + [SIDECAR] * DEATHS
        self.dice.shuffle(victims)
        left = max(self.kills - sum(self.killed.values()), 1)
        victims = victims[: min(left, len(victims)) if kind == "export" else max(1, min(left // 2, len(victims)))]
        for victim in victims:
            time.sleep(self.dice.uniform(0.05, 1.5))
            if self._status(job) in OVER:
                break
            with contextlib.suppress(StopIteration, psutil.Error):
                self.hosted.service.process_of(victim).kill()
                self.killed[victim.rpartition(".")[2]] += 1
        until = time.monotonic() + PATIENCE_S
        while (status := self._status(job)) not in OVER and time.monotonic() < until:
            time.sleep(0.1)
        if status != "completed":
            self.wrong[f"{kind}ed"].append(f"job {job} is {status}")
        self.done[kind] += 1

    def _status(self, job: str) -> str:
        return str(self.hosted.surely("GET", f"/api/library/jobs/{job}", None, 200)["status"])

    def _check_import(self, folder: Path, before: dict[str, Any]) -> None:
        rows = self.hosted.rows(
            "SELECT CAST(path AS TEXT), state, sha256, length(perceptual) FROM files WHERE CAST(path AS TEXT) LIKE ?",
            f"{folder}/%",
        )
        expected = sorted((path, "done", digest, 145) for path, (digest, *_) in before.items())
        steps = self.hosted.rows("SELECT count(*) FROM job_files WHERE state = 'pending'")
        if sorted(rows) != expected or steps != [(0,)]:
            self.wrong["imported"].append(f"{folder.name}: {len(rows)} rows of {len(expected)}, {steps} pending")

    def _check_export(self, target: Path) -> None:
        """Every file once, as the manifest says, and nothing else."""
        (manifest,) = target.glob("*.jsonl")
        told = [json.loads(line) for line in manifest.read_text().splitlines()]
        there = {str(path.relative_to(target)): path for path in target.rglob("*") if not path.is_dir()}
        del there[manifest.name]
        names = {row["target"]: row for row in told}
        if len(told) != self.files or len({row["id"] for row in told}) != self.files or names.keys() != there.keys():
            self.wrong["exported"].append(f"{target.name}: {len(told)} in the manifest, {len(there)} there")
            return
        for name, path in there.items():
            whole = hashlib.sha256(path.read_bytes()).hexdigest() == names[name]["targetSha256"]
            if not whole or names[name]["result"] not in ("exported", "present"):
                self.wrong["exported"].append(name)


def fingerprints(folder: Path) -> dict[str, Any]:
    found = {}
    for path in sorted(folder.rglob("*.jpg")):
        told = path.stat()
        found[str(path)] = (hashlib.sha256(path.read_bytes()).hexdigest(), told.st_mtime_ns, told.st_ctime_ns)
    return found


def kills(count: int, files: int) -> list[Row]:
    campaign = Kills(count, files)
    begun = time.monotonic()
    try:
        campaign.run()
        left = campaign.hosted.stop()
        killed = ", ".join(f"{number} × {name}" for name, number in campaign.killed.most_common())
        for problems in campaign.wrong.values():
            for problem in problems[:5]:
                print(problem, file=sys.stderr)
        for path in left[:5]:
            print(f"left: {path}", file=sys.stderr)
    finally:
        campaign.hosted.remove()
    wrong, done = campaign.wrong, campaign.done
    took = f"{done['import']} imports and {done['export']} exports of {files} files in {time.monotonic() - begun:.0f} s"
    return [
        (f"{took}; killed with SIGKILL", killed, sum(campaign.killed.values()) >= count),
        ("imports with a file that is missing, twice or in halves", str(len(wrong["imported"])), not wrong["imported"]),
        ("exports with a file that is missing, twice or in halves", str(len(wrong["exported"])), not wrong["exported"]),
        ("folders of originals that changed", str(len(wrong["changed"])), not wrong["changed"]),
        ("PRAGMA integrity_check other than ok", str(len(wrong["database"])), not wrong["database"]),
        ("temporary files left", str(len(left)), not left),
    ]


class Writers:
    """Two sidecars and a worker write at once: imports, decisions, tags, settings."""

    def __init__(self, minutes: float) -> None:
        self.seconds, self.until = minutes * 60, 0.0
        self.hosted = Hosted((str(PROGRAM), "serve"), SIDECAR_REPLICAS="2")
        self.ends: collections.Counter[str] = collections.Counter()
        self.bad: list[str] = []
        self.imported = self.sidecars = 0

    def run(self) -> None:
        self._import(0)
        self.until = time.monotonic() + self.seconds
        modules = [one.cmdline()[1:3] for one in self.hosted.service.processes]
        self.sidecars = modules.count(["-m", SIDECAR])
        writers = [threading.Thread(target=self._write, args=(number,)) for number in range(6)]
        for writer in writers:
            writer.start()
        for number in itertools.count(1):
            if time.monotonic() > self.until:
                break
            self._import(number)
        for writer in writers:
            writer.join()

    def _import(self, number: int) -> None:
        folder = self.hosted.fill(f"batch-{number}", 40, 1990 + number % 40)
        job = self.hosted.surely("POST", "/api/import-path", {"path": str(folder)}, 202)["jobId"]
        while (told := self.hosted.surely("GET", f"/api/library/jobs/{job}", None, 200))["status"] not in OVER:
            time.sleep(0.1)
        self.imported += told["progress"]["done"]
        if told["status"] != "completed":
            self.bad.append(f"import: {told['status']} {told['error']}")

    def _write(self, seed: int) -> None:
        for method, path, body in self._requests(random.Random(seed)):
            if time.monotonic() > self.until:
                return
            try:
                status, told = self.hosted.ask(method, path, body)
            except (OSError, http.client.HTTPException, ValueError) as problem:
                self.bad.append(f"{method} {path}: {problem!r}")
                continue
            self.ends[str(status)] += 1
            if status >= 500 or "locked" in json.dumps(told):
                self.bad.append(f"{method} {path}: {status} {told}")

    def _requests(self, dice: random.Random) -> Iterator[tuple[str, str, Any]]:
        makers: list[Callable[[int], tuple[str, str, Any]]] = [
            lambda file: (
                "POST",
                f"/api/library/files/{file}/decision",
                {"decision": dice.choice(["keep", "discard"])},
            ),
            lambda file: ("PUT", f"/api/library/files/{file}/tags", {"tags": [f"tag {dice.randrange(20)}"]}),
            lambda _: ("PUT", "/api/library/settings", {"tagsFromFolders": dice.random() < 0.5}),
            lambda _: ("GET", f"/api/library/files?tag=tag%20{dice.randrange(20)}", None),
            lambda _: ("GET", "/api/library/timeline", None),
        ]
        while True:
            yield dice.choice(makers)(dice.randint(1, max(self.imported, 1)))


def writers(minutes: float) -> list[Row]:
    campaign = Writers(minutes)
    try:
        campaign.run()
        integrity = campaign.hosted.rows("PRAGMA integrity_check")
        campaign.hosted.stop()
        locked = [line for line in campaign.hosted.log.splitlines() if "locked" in line]
        for problem in [*campaign.bad[:5], *locked[:5]]:
            print(problem, file=sys.stderr)
    finally:
        campaign.hosted.remove()
    ends = ", ".join(f"{count} × {status}" for status, count in campaign.ends.most_common())
    return [
        (f"{campaign.imported} files imported and others written in {minutes:g} min; answers", ends, bool(ends)),
        ("sidecars that wrote beside the worker", str(campaign.sidecars), campaign.sidecars == 2),
        ("answers of 500 and above, or that tell of a lock", str(len(campaign.bad)), not campaign.bad),
        ("lines of the log that tell of a lock", str(len(locked)), not locked),
        ("PRAGMA integrity_check", str(integrity[0][0]), integrity == [("ok",)]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["kills", "writers"], action="append", help="all, unless some are named")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=5.0)
    options = parser.parse_args()
    held = True
    print("| | figure | |\n| --- | --- | --- |")
    for part in options.part or ["kills", "writers"]:
        for what, figure, ok in kills(options.kills, options.files) if part == "kills" else writers(options.minutes):
            held &= ok
            print(f"| {what} | {figure} | {'ok' if ok else 'MISS'} |", flush=True)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
