"""Tesseract as a program: found, asked, killed in time; and its table of words."""

from __future__ import annotations

import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar import faults
from mediabridge.sidecar.text import Tesseract, find_tesseract, languages_of, program
from mediabridge.sidecar.text.tesseract import Command, parse, require

HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"


@pytest.fixture
def never() -> Callable[[], None]:
    return lambda: None


def script(folder: Path, body: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!{sys.executable} -SE\nimport os, subprocess, sys, time\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def gone(pids: list[int]) -> bool:
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


FAMILY = """
child = subprocess.Popen(["sleep", "600"])
with open(sys.argv[1], "w") as file:  # a file of no bytes: more may not be written
    pass
os.rename(sys.argv[1], f"{sys.argv[1]}-{os.getpid()}-{child.pid}")
time.sleep(600)
"""


def pids_of(folder: Path) -> list[int]:
    return [int(word) for path in folder.glob("told-*") for word in path.name.split("-")[1:]]


def test_it_is_killed_at_the_deadline_with_all_that_it_started(
    tmp_path: Path, never: Callable[[], None], until: Callable[..., Any]
) -> None:
    with pytest.raises(program.TookTooLong):
        program.run([str(script(tmp_path, FAMILY)), str(tmp_path / "told")], 1.5, never)
    pids = pids_of(tmp_path)
    assert len(pids) == 2
    until(lambda: gone(pids))


def test_it_is_killed_when_nobody_waits_any_more(tmp_path: Path, until: Callable[..., Any]) -> None:
    left = threading.Event()

    def check() -> None:
        if left.is_set():
            raise faults.ClientGone("left")

    failed: list[BaseException] = []

    def run() -> None:
        try:
            program.run([str(script(tmp_path, FAMILY)), str(tmp_path / "told")], 60, check)
        except faults.ClientGone as problem:
            failed.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    pids = until(lambda: pids_of(tmp_path))
    left.set()
    thread.join(10)
    assert failed
    until(lambda: gone(pids))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sys.stderr.write('Image too small\\n'); sys.exit(1)", r"exit code 1 \(Image too small\)"),
        ("os.kill(os.getpid(), 9)", r"SIGKILL \(without a word\)"),
        ("bytearray(4 * 1024**3)", "MemoryError"),
        ("while True: os.write(1, bytes(65536))", "more than"),
        ("os.write(os.open(sys.argv[0] + '.out', os.O_CREAT | os.O_WRONLY), b'x')", "File too large"),
    ],
)
def test_how_it_fails_is_told(tmp_path: Path, never: Callable[[], None], body: str, words: str) -> None:
    with pytest.raises(program.Failed, match=words):
        program.run([str(script(tmp_path, body))], 20, never)


def test_it_gets_one_thread_and_no_secret(
    tmp_path: Path, never: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("TESSDATA_PREFIX", "/somewhere")
    told = program.run([str(script(tmp_path, "print(dict(os.environ))"))], 10, never)
    assert "'OMP_THREAD_LIMIT': '1'" in told
    assert "/somewhere" in told
    assert "s3cret" not in told


def test_where_it_is(tmp_path: Path) -> None:
    path = script(tmp_path, "")
    path = path.rename(tmp_path / "tesseract")
    assert find_tesseract(None, str(tmp_path)) == path
    assert find_tesseract(str(path), "/nowhere") == path
    path.chmod(0o644)
    for configured, search, words in (
        (None, "/nowhere", "TESSERACT_PATH is not set"),
        ("/nowhere/tesseract", None, "no such file"),
        (str(path), None, "not executable"),
    ):
        with pytest.raises(faults.EngineUnavailable, match=words) as caught:
            find_tesseract(configured, search)
        assert caught.value.missing
        assert "apt-get install tesseract-ocr" in caught.value.suggestion


def test_a_program_that_is_no_tesseract(tmp_path: Path) -> None:
    path = script(tmp_path, "sys.exit(2)")
    with pytest.raises(faults.EngineUnavailable, match="does not answer"):
        Tesseract(lambda: path).installed()


def test_what_the_real_one_says_of_itself(tesseract: Path) -> None:
    real = Tesseract(lambda: tesseract)
    assert "eng" in real.installed()
    assert int(real.version().partition(".")[0]) >= 4


def test_languages() -> None:
    assert languages_of("eng+deu") == languages_of("eng deu") == languages_of("eng,deu,eng") == ("eng", "deu")
    assert languages_of("script/Latin+chi_sim") == ("script/Latin", "chi_sim")
    for wrong in ("", "+", "../eng", "-l", "eng+--psm", "a/b/c", "eng\n", "+".join(f"l{n}" for n in range(9))):
        with pytest.raises(faults.InvalidRequest, match="lang"):
            languages_of(wrong)


@given(st.text(max_size=60))
def test_no_list_of_languages_becomes_an_option_or_a_path(text: str) -> None:
    try:
        names = languages_of(text)
    except faults.InvalidRequest:
        return
    assert all(name[0].isalpha() and ".." not in name for name in names)


def test_a_language_that_is_not_installed_lists_those_that_are() -> None:
    with pytest.raises(faults.InvalidRequest, match=r"fra is not installed\. Installed: deu, eng") as caught:
        require(("eng", "fra"), ("deu", "eng", "osd"))
    assert "tesseract-ocr-fra" in caught.value.suggestion
    with pytest.raises(faults.InvalidRequest):
        require(("osd",), ("deu", "osd"))


def word(block: int, paragraph: int, line: int, confidence: float, text: str) -> str:
    return f"5\t1\t{block}\t{paragraph}\t{line}\t1\t0\t0\t9\t9\t{confidence}\t{text}\n"


def test_the_table_becomes_lines_and_paragraphs() -> None:
    rows = [word(1, 1, 1, 90, "a"), word(1, 1, 1, 70, '"b'), word(1, 1, 2, 80, "c"), word(1, 2, 1, 60, "d")]
    noise = "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t\n" + word(1, 2, 1, 95, " ")
    page = parse(HEAD + "".join(rows) + noise + word(2, 1, 1, 100, "e"))
    assert page.text == 'a "b\nc\n\nd\n\ne'
    assert (page.confidence, page.words) == (80.0, 5)
    assert parse(HEAD).confidence is None


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.text("abcäß", min_size=1, max_size=5))))
def test_no_word_of_the_table_is_lost(words: list[tuple[int, int, str]]) -> None:
    words.sort(key=lambda one: one[:2])
    page = parse(HEAD + "".join(word(block, 1, line, 50, text) for block, line, text in words))
    assert page.text.split() == [text for _, _, text in words]
    assert page.words == len(words)


def test_sideways_pages_are_tried_only_where_the_model_for_it_is() -> None:
    found = Tesseract(lambda: Path("/bin/true"))
    assert found.command(("eng",), ("eng", "osd")).mode == "1"
    assert found.command(("eng",), ("eng",)) == Command(Path("/bin/true"), ("eng",), "3")
