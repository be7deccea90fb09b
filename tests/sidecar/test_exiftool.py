"""One ExifTool process, real: the four holes of PyExifTool are closed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mediabridge.sidecar.extraction import exiftool as subject
from mediabridge.sidecar.extraction.exiftool import ExifToolProcess, UnsafeArgumentError
from mediabridge.sidecar.extraction.tools import find_exiftool
from mediabridge.sidecar.faults import EngineUnavailable


@pytest.fixture
def process(exiftool: Path) -> Iterator[ExifToolProcess]:
    made = ExifToolProcess(exiftool)
    made.run()
    yield made
    made.terminate(0)


@pytest.fixture
def stubborn(stand_in: Path) -> Iterator[ExifToolProcess]:
    made = ExifToolProcess(stand_in, output_limit=1024 * 1024)
    made.run()
    yield made
    made.terminate(0)


def pid(process: ExifToolProcess) -> int:
    assert process.pid is not None
    return process.pid


def test_it_reads_a_file(process: ExifToolProcess, tmp_path: Path, make_jpeg: Callable[..., bytes]) -> None:
    (tmp_path / "a.jpg").write_bytes(make_jpeg("Nikon"))
    reply = process.ask("-j", "-Make", str(tmp_path / "a.jpg"), timeout_s=10)
    assert b'"Make": "Nikon"' in reply.stdout
    assert reply.status == 0


def test_a_file_in_error_has_a_status(process: ExifToolProcess) -> None:
    reply = process.ask("-j", "/no/such/file", timeout_s=10)
    assert reply.status == 1
    assert b"/no/such/file" in reply.stderr


@pytest.mark.parametrize("character", ["\n", "\r", "\0"])
def test_an_argument_that_would_become_two_is_refused(
    process: ExifToolProcess, tmp_path: Path, make_jpeg: Callable[..., bytes], character: str
) -> None:
    source, target = tmp_path / "a.jpg", tmp_path / "INJECTED.jpg"
    source.write_bytes(make_jpeg())
    with pytest.raises(UnsafeArgumentError):
        process.ask(f"x{character}-o{character}{target}{character}{source}", timeout_s=5)
    with pytest.raises(UnsafeArgumentError):
        process.execute(f"x{character}-o{character}{target}{character}{source}".encode())
    assert not target.exists()


def test_an_empty_argument_is_refused(process: ExifToolProcess) -> None:
    with pytest.raises(UnsafeArgumentError):
        process.ask("", timeout_s=5)


def test_a_process_that_hangs_is_given_up_in_time(process: ExifToolProcess) -> None:
    os.kill(pid(process), signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(subject.ProcessHungError, match=r"0\.3 s"):
        process.ask("-ver", timeout_s=0.3)
    assert time.monotonic() - start < 2


def test_a_process_that_dies_in_the_middle_ends_the_wait_without_spinning(process: ExifToolProcess) -> None:
    os.kill(pid(process), signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (pid(process), signal.SIGKILL)).start()
    cpu = time.thread_time()
    with pytest.raises(subject.ProcessDiedError, match="SIGKILL") as caught:
        process.ask("-ver", timeout_s=30)
    assert caught.value.sent
    assert time.thread_time() - cpu < 0.1


def test_a_process_found_dead_did_not_take_the_command(process: ExifToolProcess) -> None:
    os.kill(pid(process), signal.SIGKILL)
    process._process.wait(5)
    with pytest.raises(subject.ProcessDiedError) as caught:
        process.ask("-ver", timeout_s=5)
    assert not caught.value.sent


def test_another_thread_may_not_use_it(process: ExifToolProcess) -> None:
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            process.ask("-ver", timeout_s=5)
        except RuntimeError as problem:
            caught.append(problem)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(5)
    assert "thread that did not start it" in str(caught[0])


def test_kill_from_another_thread_ends_the_wait(stubborn: ExifToolProcess) -> None:
    threading.Timer(0.2, stubborn.kill).start()
    with pytest.raises(subject.ProcessDiedError):
        stubborn.ask("-j", "/x/a.hang", timeout_s=30)


def test_an_exit_in_the_middle_is_told_with_its_code(stubborn: ExifToolProcess) -> None:
    with pytest.raises(subject.ProcessDiedError, match="exit code 3"):
        stubborn.ask("-j", "/x/a.quit", timeout_s=30)


def test_endless_output_is_stopped(stubborn: ExifToolProcess) -> None:
    with pytest.raises(subject.OutputTooLargeError, match="1048576 bytes"):
        stubborn.ask("-j", "/x/a.flood", timeout_s=30)


def test_a_full_error_pipe_does_not_block(stubborn: ExifToolProcess) -> None:
    reply = stubborn.ask("-j", "/x/a.noise", timeout_s=10)
    assert len(reply.stderr) > 300_000
    assert b"GIF" in reply.stdout


def test_a_file_that_eats_memory_ends_the_tool_and_not_the_machine(stubborn: ExifToolProcess) -> None:
    with pytest.raises(subject.ProcessDiedError, match="exit code 1"):
        stubborn.ask("-j", "/x/a.eat", timeout_s=30)


def test_the_version_keeps_its_last_digit(stubborn: ExifToolProcess) -> None:
    assert stubborn.version == "13.50"


def test_a_users_configuration_is_not_read(
    exiftool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_jpeg: Callable[..., bytes]
) -> None:
    (tmp_path / ".ExifTool_config").write_text(f"system('touch {tmp_path}/RAN'); 1;", encoding="utf-8")
    (tmp_path / "a.jpg").write_bytes(make_jpeg())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EXIFTOOL_HOME", str(tmp_path))
    process = ExifToolProcess(exiftool)
    process.run()
    process.ask("-j", str(tmp_path / "a.jpg"), timeout_s=10)
    process.terminate()
    assert not (tmp_path / "RAN").exists()


def test_it_ends_politely_and_releases_its_pipes(process: ExifToolProcess) -> None:
    inner = process._process
    process.terminate(5)
    assert inner.returncode == 0
    assert inner.stdout.closed
    assert not process.running


def test_what_is_no_exiftool_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "exiftool"
    path.write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    path.chmod(0o755)
    with pytest.raises(subject.ProcessUnusableError, match="does not work as ExifTool"):
        ExifToolProcess(path).run()


def test_a_program_that_cannot_be_executed_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "exiftool"
    path.write_bytes(b"\x7fELF no program")
    path.chmod(0o755)
    with pytest.raises(subject.ProcessUnusableError):
        ExifToolProcess(path).run()


def test_exiftool_is_found_on_the_path(stand_in: Path) -> None:
    assert find_exiftool(None, f"/nowhere:{stand_in.parent}") == stand_in


def test_the_configured_one_comes_first(stand_in: Path) -> None:
    assert find_exiftool(str(stand_in)) == stand_in


def test_a_missing_exiftool_is_told_with_where_and_how_to_install(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=f"PATH \\({tmp_path}\\)") as caught:
        find_exiftool(None, str(tmp_path))
    assert all(word in caught.value.suggestion for word in ("apt-get install", "brew install", "winget install"))


@pytest.mark.parametrize(("content", "why"), [(None, "no such file"), ("x", "not executable")])
def test_a_wrong_setting_is_not_passed_over(tmp_path: Path, content: str | None, why: str) -> None:
    if content:
        (tmp_path / "exiftool").write_text(content, encoding="utf-8")
    with pytest.raises(EngineUnavailable, match=f"EXIFTOOL_PATH is .*{why}"):
        find_exiftool(str(tmp_path / "exiftool"))
