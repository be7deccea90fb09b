"""`mediabridge library export`, as a process of its own that may end at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from mediabridge.sidecar.library.cli.exporting import _options as as_options

from .conftest import NOON, Library, everything

ROOT = Path(__file__).parents[4]
PATHS = os.pathsep.join([str(ROOT / "sidecar"), str(ROOT / "config")])
FILES = 40
Picture = Callable[..., bytes]


def command(library: Library, *words: str) -> subprocess.Popen[str]:
    settings = {
        "INSTANCE_PATH": str(library.folder / "instance"),
        "FILE_STORAGE_PATH": str(library.folder / "store"),
        "CACHE_PATH": str(library.folder / "cache"),
        "EXTRACT_PROCESSES": "2",
        "PYTHONPATH": PATHS,
    }
    module = [sys.executable, "-P", "-m", "mediabridge.sidecar.library.cli", "export", "--to", str(library.target)]
    env = {**os.environ, **settings}
    return subprocess.Popen(
        [*module, *words], env=env, cwd=library.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def killed_after(process: subprocess.Popen[str], target: Path, files: int, pause_s: float) -> bool:
    """Kill it `pause_s` after so many copies are there; false when it ended before."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if len(list(target.glob("*/*.jpg"))) >= files:
            try:
                process.wait(pause_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    outcome(process)
    return process.returncode == -signal.SIGKILL


def test_killed_at_any_moment_it_goes_on_and_exports_each_file_once(library: Library, picture: Picture) -> None:
    numbers = {}
    for number in range(FILES):
        path = library.put(f"{number}.jpg", picture(colour=number))
        moment = NOON + timedelta(seconds=number // 3)  # so that some of their names collide
        numbers[library.add(path, moment, words=["Rome"])] = path
        if number % 4 == 0:
            library.put(f"{number}.xmp", b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')
    before = everything(library.originals)
    kills = sum(killed_after(command(library), library.target, there, random.uniform(0, 0.1)) for there in (0, 1, 20))
    code, out, err = outcome(command(library, "--json"))
    found = json.loads(out)
    assert (code, found["exported"], found["failed"], err) == (0, FILES, 0, "")
    assert kills >= 2
    assert len(library.exported()) == FILES + FILES // 4
    assert not list(library.target.glob(".*"))
    lines = [json.loads(line) for line in (library.target / found["manifest"]).read_text("utf-8").splitlines()]
    assert sorted(line["id"] for line in lines) == sorted(numbers)
    named = [line["target"] for line in lines] + [line["sidecar"] for line in lines if line["sidecarSource"]]
    assert sorted(named) == library.exported()
    assert all(line["metadata"] == "embedded" for line in lines)
    assert everything(library.originals) == before
    library.export(library.job("JOB-LATER"))  # which finds all of them as they are
    assert sorted(named) == library.exported()


def test_a_dry_run_changes_nothing_and_says_what_would_be_done(library: Library, picture: Picture) -> None:
    library.add(library.put("x.jpg", picture()), words=["Rome"])
    gone = library.put("y.jpg", picture(colour=3))
    library.add(gone)
    gone.unlink()
    code, out, _ = outcome(command(library, "--dry-run", "--json"))
    told: dict[str, Any] = json.loads(out)
    assert (code, told["files"], told["missing"], told["metadata"]["embedded"]) == (0, 2, 1, 1)
    assert not library.target.exists()


def test_a_file_that_fails_is_named_and_makes_exit_code_1(library: Library, picture: Picture) -> None:
    path = library.put("lost.jpg", picture())
    library.add(path)
    path.unlink()
    code, out, err = outcome(command(library))
    assert (code, "0 of 1 files exported, 1 failed" in out) == (1, True)
    assert "lost.jpg: The original is not there any more" in err


def test_a_wrong_option_is_named() -> None:
    for field, flag in (("from", "--since"), ("to", "--until"), ("tags", "--tag")):
        with pytest.raises(click.UsageError, match=f"^{flag}: "):
            as_options({"target": "/media/a", field: "soon" if field != "tags" else [""]}, keepers_only=False)
