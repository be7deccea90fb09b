"""Writing to a reader that may be slow, stuck or gone. Real pipes."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import Block, Console
from mediabridge.bridge.writer import LIMIT, PatientWriter

from .doubles import PATIENCE_S, until

STUCK_S = 0.05
MORE_THAN_A_PIPE_HOLDS = 4 * 2**20  # bytes; /proc/sys/fs/pipe-max-size is 1 MB


class Pipe:
    """A pipe whose reader reads when the test says so."""

    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        self.data = bytearray()
        self._reader: threading.Thread | None = None

    def fill(self) -> None:
        """Write as much as it holds, so that nothing more makes progress."""
        os.set_blocking(self.write_fd, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.write_fd, b"." * 4096)
        os.set_blocking(self.write_fd, True)

    def read_all(self, pause_s: float = 0.0) -> None:
        """Read in a thread until the end of the file."""

        def run() -> None:
            while chunk := os.read(self.read_fd, 65536):
                self.data += chunk
                time.sleep(pause_s)

        self._reader = threading.Thread(target=run, daemon=True)
        self._reader.start()

    def close_write(self) -> bytes:
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1
        if self._reader is not None:
            self._reader.join(PATIENCE_S)
            assert not self._reader.is_alive()
        return bytes(self.data)

    def close_read(self) -> None:
        if self.read_fd >= 0:
            os.close(self.read_fd)
            self.read_fd = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close_write()
    pipe.close_read()


def lines(count: int) -> list[bytes]:
    return [b"line %d\n" % number for number in range(count)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=200).map(lambda data: data + b"\n"), max_size=50))
def test_property_all_that_is_written_arrives_in_its_order(blocks: list[bytes]) -> None:
    pipe = Pipe()
    pipe.read_all()
    writer = PatientWriter(pipe.write_fd)
    for block in blocks:
        writer.write(block)
    writer.close()
    assert pipe.close_write() == b"".join(blocks)
    pipe.close_read()


def test_a_slow_reader_gets_everything(pipe: Pipe) -> None:
    writer, block = PatientWriter(pipe.write_fd, stuck_s=5.0), b"".join(lines(20_000))
    pipe.read_all(pause_s=0.0005)
    for _ in range(60):
        writer.write(block)
    writer.close()
    assert pipe.close_write() == block * 60


def test_a_reader_that_stops_loses_lines_and_is_told_how_many(pipe: Pipe) -> None:
    pipe.fill()
    writer, block = PatientWriter(pipe.write_fd, stuck_s=STUCK_S), b"".join(lines(1000))
    writer.write(block)
    until(lambda: not writer._waiting, "the block was not taken")
    written = 1
    while writer._dropped == 0:
        writer.write(block)
        written += 1
        assert written * len(block) < 4 * LIMIT, "it keeps everything"
    writer.write(block)
    pipe.read_all()
    until(lambda: writer._dropped == 0, "the loss was not told")
    writer.write(b"again\n")
    writer.close()
    got = pipe.close_write().lstrip(b".").splitlines(keepends=True)
    told = [line for line in got if line.startswith(b"[mediabridge]")]
    assert told == [b"[mediabridge] 2000 lines were left out: nobody read them in time\n"]
    kept = b"".join(line for line in got if line not in told)
    assert kept == block * (written - 1) + b"again\n"


def lose_lines(writer: PatientWriter) -> None:
    """Write 100 lines, in a thread, since a writer that waits would wait for a minute."""
    thread = threading.Thread(target=lambda: [writer.write(b"lost\n") for _ in range(100)], daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "a write waits for a reader that is known to be stuck"


def test_a_reader_that_stops_holds_up_one_write_only(pipe: Pipe) -> None:
    """Once it took nothing for `stuck_s`, nobody waits for it any more."""
    pipe.fill()
    writer = PatientWriter(pipe.write_fd, stuck_s=60.0)
    writer.write(b"x" * (LIMIT - 1) + b"\n")
    until(lambda: not writer._waiting, "the block was not taken")
    writer.write(b"y" * LIMIT + b"\n")
    writer._progress -= 60.0  # as if it had been stuck for that long
    lose_lines(writer)
    assert writer._dropped == 100
    pipe.read_all()
    writer.close()


def test_one_block_that_is_stuck_holds_up_nobody_either(pipe: Pipe) -> None:
    """The block that is being written is not in the queue; it counts all the same."""
    pipe.fill()
    writer = PatientWriter(pipe.write_fd, stuck_s=STUCK_S)
    writer.write(b"x" * LIMIT + b"\n")
    until(lambda: not writer._waiting, "the block was not taken")
    writer.write(b"lost\n")
    writer._stuck_s = 60.0
    writer._progress -= 60.0
    lose_lines(writer)
    assert writer._dropped == 101
    pipe.read_all()
    until(lambda: not writer._dropped, "the loss was not told")
    writer.close()
    assert b"\n[mediabridge] 101 lines were left out" in pipe.close_write()


def test_a_close_does_not_wait_for_a_reader_that_stopped(pipe: Pipe) -> None:
    writer = PatientWriter(pipe.write_fd, stuck_s=STUCK_S)
    writer.write(b"x" * MORE_THAN_A_PIPE_HOLDS + b"\n")
    writer.close()
    assert writer._thread.is_alive()
    pipe.read_all()
    writer._thread.join(PATIENCE_S)
    assert not writer._thread.is_alive()


def test_a_reader_that_closed_is_harmless(pipe: Pipe) -> None:
    writer = PatientWriter(pipe.write_fd)
    pipe.close_read()
    for line in lines(100):
        writer.write(line)
    writer.close()
    assert not writer._thread.is_alive()


def test_a_descriptor_that_somebody_made_non_blocking_loses_nothing(pipe: Pipe) -> None:
    os.set_blocking(pipe.write_fd, False)
    writer, block = PatientWriter(pipe.write_fd), b"".join(lines(200_000))
    writer.write(block)
    pipe.read_all()
    writer.close()
    assert pipe.close_write() == block


def test_a_write_after_the_close_is_harmless(pipe: Pipe) -> None:
    writer = PatientWriter(pipe.write_fd)
    writer.close()
    writer.write(b"late\n")


def test_many_threads_mix_blocks_never_lines(pipe: Pipe) -> None:
    pipe.read_all()
    writer = PatientWriter(pipe.write_fd)
    threads = [
        threading.Thread(target=lambda n=n: [writer.write(b"%d %d\n" % (n, i)) for i in range(500)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    writer.close()
    got = [tuple(map(int, line.split())) for line in pipe.close_write().splitlines()]
    assert [[i for who, i in got if who == n] for n in range(4)] == [list(range(500))] * 4


def blocks(count: int) -> list[Block]:
    streams = ("stdout", "stderr")
    return [Block("Python", streams[n % 2], b"%d\n" % n) for n in range(count)]


def test_two_descriptors_of_one_file_keep_the_order_of_both_streams(pipe: Pipe) -> None:
    pipe.fill()  # so that a second queue would race with the first
    copy = os.dup(pipe.write_fd)
    console = Console(pipe.write_fd, copy)
    for block in blocks(1000):
        console(block)
    pipe.read_all()
    console.close()
    os.close(copy)
    assert pipe.close_write().lstrip(b".") == b"".join(b"[Python] %d\n" % n for n in range(1000))


def test_two_files_get_a_stream_each(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        console = Console(out.fileno(), err.fileno())
        for block in blocks(4):
            console(block)
        console.close()
    assert (tmp_path / "out").read_text() == "[Python] 0\n[Python] 2\n"
    assert (tmp_path / "err").read_text() == "[Python] 1\n[Python] 3\n"


def test_a_line_of_the_host_goes_through_the_same_queue(pipe: Pipe) -> None:
    pipe.read_all()
    console = Console(pipe.write_fd, pipe.write_fd)
    console(Block("Python", "stdout", b"one\n"))
    console.line("two")
    console.close()
    assert pipe.close_write() == b"[Python] one\ntwo\n"
