"""Every line arrives, and no reader stalls the sidecar: pitfalls 18 to 21 of research/bridge_proxy.md §3."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from mediabridge.bridge import Console, ExitStatus, Policy, RestartRules, State

from .hosting import host
from .load import get
from .processes import QUICK, SIDECARS, Run, bridge, sidecar, until

ONCE = replace(QUICK, restart=RestartRules(policy=Policy.NEVER))


def printed(run: Run, line: str, timeout_s: float = 5.0) -> list[str]:
    """All lines of stdout, as soon as `line` is among them."""
    until(lambda: line in run.lines("stdout"), timeout_s, f"{line!r}")
    return run.lines("stdout")


def test_invalid_utf8_costs_one_character_and_no_later_line():
    """Pitfall 18: then a megabyte, and the sidecar is not blocked: it becomes ready after it has written all."""
    with bridge(sidecar("output", "invalid")) as run:
        run.bridge.start()
        lines = printed(run, "last")
        assert lines[0] == "before \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} after"
        assert [len(line) for line in lines[1:]] == [1_000_000, 4]


def test_a_character_split_over_two_writes_is_one_character():
    """Pitfall 19: half a second apart, which a line of its own may take."""
    with bridge(sidecar("output", "split")) as run:
        run.bridge.start(wait=False)
        assert printed(run, "snow\N{SNOWMAN}man") == ["snow\N{SNOWMAN}man"]


def test_a_progress_bar_becomes_lines():
    """Pitfall 19: a carriage return ends a line, as on a screen."""
    with bridge(sidecar("output", "progress")) as run:
        run.bridge.start()
        lines = printed(run, "done")
        assert [line for line in lines if line] == ["10%", "50%", "100%", "done"]


def test_an_unfinished_line_is_shown_when_nothing_more_comes():
    """Pitfall 19: a question without a newline; a second of silence, so that a busy machine breaks no line in two."""
    with bridge(sidecar("output", "prompt")) as run:
        run.bridge.start()
        printed(run, "name? ", 1.5)


def test_the_last_line_without_its_end_arrives_before_the_exit_is_told():
    """Pitfall 19: often the last line of a traceback."""
    with bridge(sidecar("output", "tail"), ONCE) as run:
        seen = []
        run.bridge.subscribe(lambda event: event.what == "exited" and seen.extend(run.lines()))
        run.bridge.start(wait=False)
        assert run.bridge.wait_for(State.FAILED, timeout_s=5)
        assert run.lines("stdout") == ["first", "last without end"]
        assert run.lines("stderr") == ["ValueError: the reason"]
        assert set(seen) == set(run.lines())
        assert run.bridge.status().last_exit == ExitStatus(code=4)
        assert "ValueError: the reason" in run.bridge.status().failure.message


def test_a_line_of_ten_megabytes_arrives_whole():
    """Pitfall 19."""
    with bridge(sidecar("output", "huge")) as run:
        run.bridge.start()
        assert [len(line) for line in printed(run, "after", 10)] == [10_000_000, 5]


def test_control_characters_do_not_reach_the_terminal():
    """Pitfall 19: neither a colour nor a bell nor a cleared screen."""
    with bridge(sidecar("output", "controls")) as run:
        run.bridge.start()
        assert printed(run, "red\\x07 end") == ["red\\x07 end"]


def test_a_sidecar_that_closes_its_output_is_neither_dead_nor_a_load():
    """Pitfall 19: end of file on both pipes is not the end of the process, and nobody spins on it."""
    with bridge(sidecar("output", "closed")) as run:
        run.bridge.start()
        assert printed(run, "bye") == ["bye"]
        begin, used = time.monotonic(), time.process_time()
        until(lambda: time.monotonic() - begin > 1.0)
        assert run.bridge.is_ready()
        assert time.process_time() - used < 0.3


def test_a_host_whose_output_nobody_reads_does_not_stall_the_sidecar():
    """Pitfall 20: stdout is a full pipe (`| less`); lines are counted instead of kept, health goes on, stop too."""
    read, write = os.pipe()
    target = [str(SIDECARS / "chatter.py"), "0", "200"]
    with host(target=target, pass_fds=(write,), console=(write, 2), rules={"liveness_interval_s": 0.2}) as chatty:
        os.close(write)
        ready = chatty.wait_for("ready")
        first = _written(ready)
        until(lambda: _written(ready) > first + 200_000, 20, "the sidecar goes on writing")
        assert "unhealthy" not in chatty.said
        content = _drain_until(read, b" lines were left out: nobody read them in time\n")
        assert content.startswith(b"[Python] 000")
        chatty.process.terminate()
        chatty.wait_for("ended", 10)
        assert chatty.process.wait(10) == 0
    os.close(read)


def _written(ready: dict) -> int:
    return int(get(ready["url"], ready["token"], "/written").body)


def _drain_until(fd: int, wanted: bytes) -> bytes:
    """Read until `wanted` has come, then go on reading in vain for nobody."""
    content = b""
    deadline = time.monotonic() + 20
    while wanted not in content[-200_000:] and time.monotonic() < deadline:
        content += os.read(fd, 65536)
    assert wanted in content
    return content


def test_a_reader_that_is_slow_but_reads_gets_every_line():
    """Pitfall 20, the other side: nothing is left out as long as somebody reads."""
    read, write = os.pipe()
    console = Console(write, write)
    with bridge(sidecar("chatter", 60_000, 100), sink=console) as run:
        run.bridge.start()
        content = b""
        while b"[Python] end\n" not in content[-100:]:
            content += os.read(read, 4096)
            time.sleep(0.0001)
        lines = content.split(b"\n")
        assert lines[:-2] == [b"[Python] %099d" % number for number in range(60_000)]
    console.close()
    os.close(read)
    os.close(write)


def test_what_python_prints_without_a_flush_shows_within_a_second():
    """Pitfall 21: a pipe makes Python keep its output back until the buffer is full, unless it is told not to."""
    with bridge(sidecar("output", "buffered")) as run:
        run.bridge.start()
        until(lambda: sorted(run.lines()) == ["printed", "warned"], 1.0, "both lines")


def test_a_hundred_thousand_lines_arrive_in_order():
    """Pitfall 19; the campaign forwards a million."""
    with bridge(sidecar("chatter", 100_000)) as run:
        run.bridge.start()
        until(lambda: run.blocks and run.blocks[-1].data.endswith(b"end\n"), 20, "the end")
        assert run.lines() == [f"{number:039d}" for number in range(100_000)] + ["end"]
