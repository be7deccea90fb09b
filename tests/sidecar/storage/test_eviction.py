"""Derived files above the limit go, the least recently used first; nothing else does. Real files and processes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediabridge.sidecar.storage.derived import Derived
from mediabridge.sidecar.storage.eviction import METADATA, TOUCH_S, Eviction, cutoff, sweep

HASHES = [hashlib.sha256(bytes([number])).hexdigest() for number in range(40)]
NOW = 1_700_000_000
ALONE = """
import sys, fcntl, time
handle = open(sys.argv[1], "a")
fcntl.flock(handle, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""
SWEEPS = """
import sys
from pathlib import Path
from mediabridge.sidecar.storage.eviction import Eviction
print("ready", flush=True)
Eviction(Path(sys.argv[1]), 1000).look()
"""


def put(root: Path, content_hash: str, name: str, size: int, used: float = NOW) -> Path:
    path = root / content_hash / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (used, used))
    return path


def left(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def taken(root: Path) -> int:
    """Bytes of all pictures, while some of them vanish."""
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += Path(folder, name).stat().st_size if name.endswith(".jpg") else 0
    return total


@given(st.dictionaries(st.integers(0, 50), st.integers(1, 1000), min_size=1), st.data())
def test_exactly_the_oldest_bytes_have_to_go(by_second: dict[int, int], data: st.DataObject) -> None:
    excess = data.draw(st.integers(1, sum(by_second.values())))
    second, of_it = cutoff(by_second, excess)
    assert sum(size for age, size in by_second.items() if age < second) + of_it == excess
    assert 0 < of_it <= by_second[second]


def test_the_least_recently_used_go_until_nine_tenths_are_left(tmp_path: Path) -> None:
    for number, content_hash in enumerate(HASHES[:20]):
        put(tmp_path, content_hash, "thumbnail.webp", 100, NOW + (number * 7) % 20)
    swept = sweep(tmp_path, 1500)
    assert (swept.total, swept.files, swept.size) == (2000, 7, 700)
    ages = sorted(int(path.stat().st_mtime) - NOW for path in tmp_path.rglob("*.webp"))
    assert ages == list(range(7, 20))
    assert sweep(tmp_path, 1500).files == 0


def test_nothing_goes_below_the_limit_and_nothing_that_is_not_derived(tmp_path: Path) -> None:
    put(tmp_path, HASHES[0], "preview.jpg", 1000)
    others = tmp_path / "results"
    others.mkdir()
    (others / "results-1.db").write_bytes(b"x" * 5000)
    (tmp_path / HASHES[1]).symlink_to(tmp_path / "elsewhere")
    (tmp_path / HASHES[2]).write_bytes(b"x" * 5000)  # a file where a folder should be
    (tmp_path / HASHES[0] / "link.jpg").symlink_to(others / "results-1.db")
    assert sweep(tmp_path, 1000).files == 0
    assert sweep(tmp_path, 100).files == 1
    assert left(tmp_path) == sorted([f"{HASHES[0]}/link.jpg", HASHES[2], "results/results-1.db"])


def test_metadata_goes_with_the_last_file_only(tmp_path: Path) -> None:
    put(tmp_path, HASHES[0], METADATA, 10, NOW - 100)
    put(tmp_path, HASHES[0], "preview.jpg", 100, NOW)
    put(tmp_path, HASHES[0], "thumbnail.webp", 100, NOW + 50)
    put(tmp_path, HASHES[1], METADATA, 10, NOW - 100)
    put(tmp_path, HASHES[1], "preview.jpg", 100, NOW + 10)
    sweep(tmp_path, 200)
    assert left(tmp_path) == [f"{HASHES[0]}/{METADATA}", f"{HASHES[0]}/thumbnail.webp"]
    assert not (tmp_path / HASHES[1]).exists()


def test_what_is_asked_for_counts_as_used(tmp_path: Path) -> None:
    derived = Derived(tmp_path, 10_000)
    derived.put(HASHES[0], "a.jpg", b"x")
    path = tmp_path / HASHES[0] / "a.jpg"
    long_ago = time.time() - TOUCH_S - 60
    for ask, touched in (
        (lambda: derived.find(HASHES[0], "a.jpg"), True),
        (lambda: derived.open(HASHES[0], "a.jpg").close(), True),
        (lambda: derived.has(HASHES[0], "a.jpg"), False),
    ):
        os.utime(path, (long_ago, long_ago))
        ask()
        assert (path.stat().st_mtime > long_ago + 60) == touched
    recent = time.time() - TOUCH_S / 2
    os.utime(path, (recent, recent))
    derived.find(HASHES[0], "a.jpg")
    assert abs(path.stat().st_mtime - recent) < 1  # no more than one write in ten minutes
    derived.close()


def test_what_was_made_right_now_stays_and_the_oldest_of_a_second_goes_first(tmp_path: Path) -> None:
    put(tmp_path, HASHES[0], "new.jpg", 1000, time.time())
    put(tmp_path, HASHES[0], "later.jpg", 100, NOW + 0.75)
    put(tmp_path, HASHES[1], "first.jpg", 100, NOW + 0.25)
    put(tmp_path, HASHES[2], "second.jpg", 100, NOW + 0.5)
    assert sweep(tmp_path, 1250).size == 200
    assert left(tmp_path) == [f"{HASHES[0]}/later.jpg", f"{HASHES[0]}/new.jpg"]
    assert sweep(tmp_path, 100).size == 100
    assert left(tmp_path) == [f"{HASHES[0]}/new.jpg"]


def test_puts_that_pass_the_limit_start_it(tmp_path: Path, until: Callable[..., Any]) -> None:
    derived = Derived(tmp_path, 10_000)
    derived.eviction.fresh_s = 0.1
    told: list[bool] = []
    derived.eviction.evicted = lambda: told.append(True)
    for content_hash in HASHES:
        derived.put(content_hash, "a.jpg", b"x" * 1000)
    until(lambda: taken(tmp_path) <= 10_000)
    until(lambda: told)
    derived.close()


def test_without_a_limit_nothing_goes(tmp_path: Path) -> None:
    derived = Derived(tmp_path)
    for content_hash in HASHES[:5]:
        derived.put(content_hash, "a.jpg", b"x" * 1000)
    derived.close()
    assert len(list(tmp_path.rglob("*.jpg"))) == 5


def test_an_open_file_stays_readable(tmp_path: Path) -> None:
    derived = Derived(tmp_path, 100)
    derived.put(HASHES[0], "a.jpg", b"y" * 500)
    os.utime(tmp_path / HASHES[0] / "a.jpg", (time.time() - 60,) * 2)
    with derived.open(HASHES[0], "a.jpg") as file:
        sweep(tmp_path, 100)
        assert not derived.has(HASHES[0], "a.jpg")
        assert file.read() == b"y" * 500
    assert derived.put(HASHES[0], "a.jpg", b"z")  # it is made again, folder and all
    assert derived.find(HASHES[0], "a.jpg") is not None
    derived.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Callable[[str, Path], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(code: str, path: Path) -> subprocess.Popen[str]:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True, env=env)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_one_process_at_a_time(tmp_path: Path, other: Callable[[str, Path], subprocess.Popen[str]]) -> None:
    put(tmp_path, HASHES[0], "a.jpg", 1000)
    eviction = Eviction(tmp_path, 100)
    holder = other(ALONE, tmp_path / ".eviction.lock")
    assert eviction.look() is None
    assert len(left(tmp_path)) == 2
    holder.kill()
    holder.wait()
    swept = eviction.look()
    assert swept is not None
    assert swept.files == 1


def test_a_kill_in_the_middle_harms_nothing(
    tmp_path: Path, other: Callable[[str, Path], subprocess.Popen[str]], until: Callable[..., Any]
) -> None:
    for number in range(400):
        put(tmp_path, hashlib.sha256(str(number).encode()).hexdigest(), "a.jpg", 10, NOW + number)
    process = other(SWEEPS, tmp_path)
    until(lambda: sum(1 for _ in os.scandir(tmp_path)) < 390 or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.wait()
    swept = Eviction(tmp_path, 1000).look()
    assert swept is not None
    ages = sorted(int(path.stat().st_mtime) - NOW for path in tmp_path.rglob("*.jpg"))
    assert len(ages) <= 100
    assert 399 in ages


def test_a_sidecar_stays_below_its_limit_and_makes_again_what_went(
    start_sidecar: Any, stand_in: Path, tmp_path: Path, until: Callable[..., Any]
) -> None:
    cache = tmp_path / "derived"
    sidecar = start_sidecar(
        EXIFTOOL_PATH=str(stand_in), CACHE_PATH=str(cache), CACHE_FILES_MB="1", LOG_LEVEL="info", FLASK_ENV="production"
    )
    hashes = []
    for _ in range(4):
        noise = io.BytesIO()
        Image.frombytes("RGB", (700, 700), os.urandom(700 * 700 * 3)).save(noise, "JPEG", quality=50)
        answer = sidecar.request("POST", "/upload", noise.getvalue(), {"x-filename": "a.jpg"})
        hashes.append(answer.json["contentHash"])
        assert sidecar.get(f"/cache/{hashes[-1]}/ai-vision").status == 200
        for path in cache.glob("*/*.jpg"):  # as if it had been made a while ago
            with contextlib.suppress(FileNotFoundError):
                os.utime(path, (time.time() - 60,) * 2)
    until(lambda: "storage.evicted" in sidecar.log)
    until(lambda: taken(cache) <= 1024**2)
    for content_hash in hashes:
        assert sidecar.get(f"/cache/{content_hash}/ai-vision").status == 200
        assert sidecar.get(f"/cache/{content_hash}/original").status == 200
