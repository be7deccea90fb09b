"""`python -m mediabridge.sidecar.extraction.cli`: files read in place, as a real process."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mediabridge.sidecar.extraction.cli.files import Aliases, walk

MakeJpeg = Callable[..., bytes]
COMMAND = [sys.executable, "-P", "-m", "mediabridge.sidecar.extraction.cli"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    paths = os.pathsep.join(str(Path(__file__).parents[2] / part) for part in ("sidecar", "config"))
    (tmp_path / "run").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXTRACT_")}
    return {**kept, "PYTHONPATH": paths, "PYTHONWARNINGS": "error", "TMPDIR": str(tmp_path / "run")}


@pytest.fixture
def run(env: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def call(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env={**env, **settings},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=60,
            cwd=tmp_path,
            check=False,
        )

    return call


@pytest.fixture
def album(tmp_path: Path, make_jpeg: MakeJpeg, exiftool: Path) -> Path:
    """A folder of six photos in two levels, with what is to be passed over."""
    folder = tmp_path / "album"
    (folder / "deep" / ".hidden").mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(make_jpeg(f"Maker{number}"))
        (folder / "deep" / f"{number}.jpg").write_bytes(make_jpeg(f"Deep{number}"))
    for junk in ("Thumbs.db", ".DS_Store", "deep/.hidden/a.jpg"):
        (folder / junk).write_bytes(b"junk")
    (folder / "deep" / "back").symlink_to(folder)  # no endless walk
    return folder


def test_a_folder_is_read_with_all_below_it_in_order(run: Any, album: Path) -> None:
    done = run(album)
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert [one["metadata"]["EXIF"]["Make"] for one in found] == [
        "Maker0", "Maker1", "Maker2", "Deep0", "Deep1", "Deep2",
    ]  # fmt: skip
    assert [one["file"]["path"] for one in found[2:4]] == [f"{album}/2.jpg", f"{album}/deep/0.jpg"]


def test_an_answer_is_that_of_the_server(run: Any, album: Path, sidecar: Any) -> None:
    path = album / "1.jpg"
    (ours,) = json.loads(run(path, "--tier", "premium").stdout)
    theirs = sidecar.extract("1.jpg", path.read_bytes(), tier="premium").json
    assert ours["file"].pop("path") == str(path)
    assert list(ours) == list(theirs)
    varies = ("requestId", "elapsedMs", "cached")
    assert {**ours, **dict.fromkeys(varies)} == {**theirs, **dict.fromkeys(varies)}


def test_a_file_that_cannot_be_read_is_told_and_costs_its_own_result(run: Any, album: Path, tmp_path: Path) -> None:
    (album / "0.jpg").write_bytes(b"text")
    (album / "1.jpg").write_bytes(b"")
    done = run(album, tmp_path / "missing.jpg", "--format", "ndjson")
    found = {one["file"]["path"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert len(found) == 7
    codes = {Path(path).relative_to(tmp_path).as_posix(): one.get("code") for path, one in found.items()}
    assert {path: code for path, code in codes.items() if code} == {
        "album/0.jpg": "unsupported_media_type",
        "album/1.jpg": "invalid_request",
        "missing.jpg": "unreadable_file",
    }
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
        f"{album}/0.jpg", f"{album}/1.jpg", f"{tmp_path}/missing.jpg",
    ]  # fmt: skip
    assert "No such file" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(run: Any, album: Path) -> None:
    (album / "0.jpg").chmod(0)
    done = run(album)
    assert (done.returncode, len(json.loads(done.stdout))) == (1, 6)
    assert "Permission denied" in done.stderr


STRANGE = [
    "a\nb.jpg",
    "touch pwned |",
    "| touch pwned",
    "-ver",
    "@list",
    "#x",
    "  two ",
    "*.jpg",
    "a\r",
    "\udcff.jpg",
    "ü.jpg",
]


def test_no_name_is_a_command_or_an_option(run: Any, tmp_path: Path, make_jpeg: MakeJpeg, exiftool: Path) -> None:
    folder = tmp_path / "strange"
    folder.mkdir()
    for number, name in enumerate(STRANGE):
        (folder / name).write_bytes(make_jpeg(f"Maker{number}"))
    done = run(folder, EXTRACT_PROCESSES="1")
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert {one["file"]["name"]: one["metadata"]["EXIF"]["Make"] for one in found} == {
        name.encode("utf-8", "replace").decode(): f"Maker{number}" for number, name in enumerate(STRANGE)
    }
    assert list(tmp_path.rglob("pwned")) == []
    assert list((tmp_path / "run").iterdir()) == []


def test_a_path_in_the_working_folder_that_looks_like_an_option(
    run: Any, tmp_path: Path, make_jpeg: MakeJpeg, exiftool: Path
) -> None:
    (tmp_path / "-x.jpg").write_bytes(make_jpeg())
    (one,) = json.loads(run("--", "-x.jpg").stdout)
    assert (one["file"]["path"], one["file"]["name"]) == ("-x.jpg", "-x.jpg")


def test_a_module_in_the_working_folder_is_not_run(run: Any, tmp_path: Path, album: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('taken over')")
    (tmp_path / "logging.py").write_text("raise SystemExit('taken over')")
    assert run(album).returncode == 0


def test_files_that_kill_exiftool_or_hang_cost_their_own_results(run: Any, tmp_path: Path, stand_in: Path) -> None:
    names = [f"{number:02}.gif" for number in range(40)]
    names[5], names[6], names[20], names[39] = "05.die", "06.quit", "20.hang", "39.nonsense"
    for name in names:
        (tmp_path / "run" / name).write_bytes(b"x")
    done = run(tmp_path / "run", EXIFTOOL_PATH=str(stand_in), EXTRACT_PROCESSES="2", EXTRACT_TIMEOUT="2")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert [one["file"]["name"] for one in found] == names
    assert {one["file"]["name"]: one["code"] for one in found if "code" in one} == {
        "05.die": "internal_error",
        "06.quit": "internal_error",
        "20.hang": "extraction_timeout",
        "39.nonsense": "internal_error",
    }


def test_a_table_has_a_row_for_each_file(run: Any, album: Path) -> None:
    (album / "2.jpg").write_bytes(b"text")
    lines = run(album, "--format", "table").stdout.splitlines()
    assert lines[0].split() == ["FILE", "TYPE", "SIZE", "PIXELS", "TAKEN", "CAMERA", "TAGS"]
    assert len(lines) == 7
    assert "Maker0" in lines[1]
    assert "plain text" in lines[3]


def test_a_lower_tier_sees_less_and_takes_less(run: Any, album: Path) -> None:
    (album / "0.jpg").write_bytes(bytes(1024 * 1024 + 1))
    found = json.loads(run(album, "--tier", "free", EXTRACT_MAX_MB_FREE="1").stdout)
    assert found[0]["code"] == "payload_too_large"
    assert found[1]["tier"] == "free"
    assert "GPS" in found[1]["fields"]["locked"]


@pytest.mark.parametrize("arguments", [[], ["x", "--tier", "gold"], ["x", "--format", "xml"]])
def test_wrong_usage_is_exit_code_2(run: Any, arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


def test_a_folder_without_files_is_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run(tmp_path / "empty")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no files" in done.stderr


def test_without_exiftool_the_main_fields_are_read(run: Any, album: Path, tmp_path: Path) -> None:
    done = run(album, "--format", "ndjson", EXIFTOOL_PATH=str(tmp_path / "nothing"))
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told
    for one in told:
        assert one["engine"]["name"] == "builtin"
        assert "ExifTool is missing" in one["warnings"][0]
    assert done.returncode == 0
    assert "ExifTool was not found" in done.stderr


def test_the_advanced_analysis_is_in_each_answer(run: Any, album: Path) -> None:
    done = run(album, "--advanced", "--format", "ndjson")
    assert done.returncode == 0
    for one in map(json.loads, done.stdout.splitlines()):
        facts = one["analysis"]["examined"]["hashes"]["facts"]
        assert facts["sha256"] == one["file"]["sha256"]


def test_the_advanced_analysis_is_not_for_every_tier(run: Any, album: Path) -> None:
    done = run(album, "--advanced", "--tier", "free")
    assert (done.returncode, done.stdout) == (2, "")
    assert "forensic" in done.stderr


@contextlib.contextmanager
def started(env: dict[str, str], *arguments: str | Path, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    streams.setdefault("stdout", subprocess.PIPE)
    with subprocess.Popen([*COMMAND, *map(str, arguments)], env=env, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def hanging(tmp_path: Path, env: dict[str, str], stand_in: Path) -> Path:
    """A folder with one file that is quick and four that hang."""
    folder = tmp_path / "hanging"
    folder.mkdir()
    for name in ("0.gif", "1.hang", "2.hang", "3.hang", "4.hang"):
        (folder / name).write_bytes(b"x")
    env |= {"EXIFTOOL_PATH": str(stand_in), "EXTRACT_PROCESSES": "2"}
    return folder


def test_lines_come_before_the_last_file_is_done(env: dict[str, str], hanging: Path) -> None:
    with started(env, hanging, "--format", "ndjson") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["file"]["name"] == "0.gif"
        assert process.poll() is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_signal_leaves_no_exiftool_behind(
    env: dict[str, str], hanging: Path, tmp_path: Path, until: Any, number: int, code: int
) -> None:
    with started(env, hanging, "--format", "ndjson", stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        tools = until(lambda: len(found := psutil.Process(process.pid).children()) == 2 and found)
        process.send_signal(number)
        assert process.wait(10) == code
        until(lambda: not any(tool.is_running() and tool.status() != psutil.STATUS_ZOMBIE for tool in tools))
        assert b"Traceback" not in process.stderr.read()


def test_a_reader_that_leaves_ends_it_quietly(env: dict[str, str], album: Path) -> None:
    with started(env, *[album] * 40, "--format", "ndjson", stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 1
        assert process.stderr.read() == b""


def test_on_a_terminal_there_is_a_bar_on_standard_error(env: dict[str, str], album: Path, until: Any) -> None:
    ours, theirs = pty.openpty()
    with started(env, album, stderr=theirs) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert len(json.loads(process.stdout.read())) == 6
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 4096):
                shown += chunk
        os.close(ours)
        assert process.wait(10) == 0
    assert b"reading" in shown
    assert b"6/6" in shown


def test_what_is_meant_by_paths(album: Path) -> None:
    assert [Path(path).name for path in walk([str(album / "Thumbs.db"), str(album / "deep"), "nothing"])] == [
        "Thumbs.db", "0.jpg", "1.jpg", "2.jpg", "nothing",
    ]  # fmt: skip


def test_an_alias_keeps_name_and_extension() -> None:
    with Aliases() as aliases:
        file = aliases.local("/x/a\nb.JPG")
        assert (file.name, file.extension, file.path.suffix) == ("a\nb.JPG", "jpg", ".jpg")
        assert file.path.readlink() == Path("/x/a\nb.JPG")
        assert aliases.local("/x/plain.jpg").path == Path("/x/plain.jpg")
    assert not file.path.is_symlink()
