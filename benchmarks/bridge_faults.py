"""The parts of the bridge's fault campaign. Each does one kind of harm many times and gives its figures."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from tests.bridge.hosting import Host, host
from tests.bridge.load import Load, get
from tests.bridge.processes import QUICK, SIDECARS, Run, application, bridge, living, sidecar, sweep, until

from mediabridge.bridge import Policy, RestartRules, State

FORWARD = str(Path(__file__).parent / "bridge_forward.py")
MB = 2**20
WIDTH = 80
PREFIX = b"[Python] "
Step = Callable[[int, int], None]
Held = tuple[int, int, int]  # threads, file descriptors, children


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was measured, the value in words, the bound in words, whether it holds (None: no bound)."""

    name: str
    value: str
    bound: str = ""
    holds: bool | None = None


def seconds(name: str, value: float, limit: float | None = None) -> Figure:
    """A time; with a limit it must lie below."""
    if limit is None:
        return Figure(name, f"{value:.3f} s")
    return Figure(name, f"{value:.3f} s", f"< {limit:g} s", value < limit)


def none_of(name: str, count: int) -> Figure:
    """A count that must be 0."""
    return Figure(name, str(count), "0", count == 0)


# 1. The host is killed.

FAMILY = {"target": [str(SIDECARS / "family.py")]}
STUBBORN = {"target": [str(SIDECARS / "family.py"), "stubborn"], "rules": {"grace_s": 60.0}}
HOG = {"target": [str(SIDECARS / "hog.py")], "rules": {"grace_s": 60.0}}
APPLICATION = {"target": ["application:app"], "fields": {"cwd": str(SIDECARS)}}
MOMENTS = ("start", "ready", "under load", "stopping")
CLEAR_S = 2.0


def kills(count: int, dice: random.Random, step: Step) -> list[Figure]:
    """SIGKILL to the host; sometimes to the sidecar at the same moment."""
    took: dict[str, list[float]] = defaultdict(list)
    left = 0
    for index in range(count):
        moment = MOMENTS[index % len(MOMENTS)]
        spec = APPLICATION if moment == "under load" else dice.choice((FAMILY, STUBBORN, HOG))
        with host(**spec) as victim, ExitStack() as stack:
            _bring_to(moment, victim, stack, dice)
            if dice.random() < 0.25 and (pids := [e["pid"] for e in victim.events if e["what"] == "ready"]):
                with suppress(ProcessLookupError):
                    os.kill(pids[-1], signal.SIGKILL)
            victim.process.kill()
            seconds_taken = _clear(victim.mark)
        took[moment].append(seconds_taken)
        left += seconds_taken > CLEAR_S
        step(index + 1, count)
    rows = [
        seconds(f"host killed: {moment} ({len(took[moment])}), worst until clear", max(took[moment]), CLEAR_S)
        for moment in MOMENTS
        if took[moment]
    ]
    return [*rows, none_of(f"hosts of {count} after which a process was left", left)]


def _bring_to(moment: str, victim: Host, stack: ExitStack, dice: random.Random) -> None:
    victim.wait_for("starting" if moment == "start" else "ready", 20)
    if moment == "under load":
        ready = victim.wait_for("ready")
        stack.enter_context(Load(ready["url"], ready["token"], clients=4, path="/slow/0.02"))
    elif moment == "stopping":
        victim.process.terminate()
        until(lambda: "stopping" in victim.said, 10)
    time.sleep(dice.uniform(0, 0.15))  # a random moment is the point


def _clear(mark: str) -> float:
    begin = time.monotonic()
    while living(mark) and time.monotonic() - begin < CLEAR_S + 3:
        time.sleep(0.002)
    taken = time.monotonic() - begin
    sweep(mark)
    return taken


# 2. The sidecar crashes.

NOTICE_S = 1.0
WAYS = ("SIGKILL", "SIGSEGV", "SIGTERM", "exit")


def crashes(count: int, dice: random.Random, step: Step) -> list[Figure]:
    """A ready sidecar ends by itself; how long until the bridge says that it is not ready, and why."""
    rules = replace(QUICK, restart=RestartRules(policy=Policy.ALWAYS, base_s=0, limit=10**9))
    noticed, silent = [], 0
    with bridge(application(), rules) as run:
        run.bridge.start()
        before = _held()
        for index in range(count):
            until(run.bridge.is_ready, 20)
            begin = time.monotonic()
            _end_sidecar(run, dice.choice(WAYS))
            run.bridge.wait_for(*set(State) - {State.READY}, timeout_s=5)
            noticed.append(time.monotonic() - begin)
            status = run.bridge.status()
            silent += status.ready or status.why is None or status.retry_after_s is None or bool(run.bridge.routes())
            step(index + 1, count)
        until(run.bridge.is_ready, 20)
        after = _settled(before)
    ordered = sorted(noticed)
    return [
        seconds(f"crash noticed ({count}), median", statistics.median(noticed)),
        seconds("crash noticed, 99th percentile", ordered[int(0.99 * (count - 1))]),
        seconds("crash noticed, worst", ordered[-1], NOTICE_S),
        none_of("crashes after which status did not say why not ready and when to try again", silent),
        *leaks(f"{count} restarts", before, after),
    ]


def _end_sidecar(run: Run, way: str) -> None:
    if way == "exit":
        get(run.bridge.url, run.bridge.token, "/exit/3")
    else:
        os.kill(run.bridge.status().pid or 0, getattr(signal, way))


# 3. Stop and start again.


def cycles(count: int, _dice: random.Random, step: Step) -> list[Figure]:
    """Stop and start, the same bridge and a new one in turns; what is counted before is counted after."""
    marks = set()
    with bridge(application()) as same:
        marks.add(same.mark)
        for _ in range(3):
            _cycle(same)
        before = _held()
        for index in range(count):
            run = same if index % 2 else Run(application())
            marks.add(run.mark)
            _cycle(run)
            step(index + 1, count)
        after = _settled(before)
        processes = sum(len(living(mark)) for mark in marks)
    return [*leaks(f"{count} cycles", before, after), none_of("processes of the cycles left", processes)]


def _cycle(run: Run) -> None:
    run.bridge.start()
    run.bridge.stop()
    run.events.clear()


def leaks(what: str, before: Held, after: Held) -> list[Figure]:
    """What this process holds must be the same after as before."""
    names = ("threads", "file descriptors", "children, zombies too")
    return [
        Figure(f"{name} before and after {what}", f"{old} → {new}", "no more", new <= old)
        for name, old, new in zip(names, before, after, strict=True)
    ]


def _settled(before: Held) -> Held:
    """What is held now; what is about to go has a few seconds for it."""
    deadline = time.monotonic() + 3
    while _held() != before and time.monotonic() < deadline:
        time.sleep(0.02)
    return _held()


def _held() -> Held:
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir())), len(psutil.Process().children())


# 4. A tree that does not want to end.


def stubborn(count: int, _dice: random.Random, step: Step) -> list[Figure]:
    """SIGTERM is ignored by a sidecar and its three children: group, session of its own, daemon."""
    grace_s, worst, left = 1.0, 0.0, 0
    for index in range(count):
        with bridge(sidecar("family", "stubborn"), replace(QUICK, grace_s=grace_s)) as run:
            run.bridge.start()
            begin = time.monotonic()
            run.bridge.stop()
            worst = max(worst, time.monotonic() - begin)
            left += len(run.family())
        step(index + 1, count)
    return [
        seconds(f"stubborn tree, grace {grace_s:g} s, worst stop of {count}", worst, grace_s + 1),
        none_of("of its processes left", left),
    ]


# 5. Output.


def lines(count: int, _dice: random.Random, step: Step, rounds: int = 5) -> list[Figure]:
    """All lines through the bridge's console and through a bare loop, in turns; the medians are compared."""
    rates: dict[str, list[float]] = {"bare": [], "bridge": []}
    incomplete = 0
    for index in range(rounds):
        for way, prefix in (("bare", b""), ("bridge", PREFIX)):
            rate, complete = _forward(way, count, prefix)
            rates[way].append(rate)
            incomplete += not complete
        step(index + 1, rounds)
    bare, ours = (statistics.median(rates[way]) for way in ("bare", "bridge"))
    ratio = ours / bare
    return [
        Figure(f"{count} lines of {WIDTH} bytes, bare loop, median of {rounds}", f"{bare / 1e6:.2f} M lines/s"),
        Figure("the same through the bridge, with a prefix each", f"{ours / 1e6:.2f} M lines/s"),
        Figure("bridge / bare loop", f"{ratio:.2f}", ">= 0.5", ratio >= 0.5),
        none_of("rounds in which a byte was missing, wrong or out of order", incomplete),
    ]


def _forward(way: str, count: int, prefix: bytes) -> tuple[float, bool]:
    """Lines per second from the first to the last byte, and whether all came as they should."""
    block = b"".join(prefix + b"%0*d\n" % (WIDTH - 1, number) for number in range(1000))
    expected = len(block) * (count // 1000)
    received: list[bytes] = []
    size, begin = 0, 0.0
    with subprocess.Popen([sys.executable, FORWARD, way, str(count), str(WIDTH)], stdout=subprocess.PIPE) as forward:
        while size < expected and (data := os.read(forward.stdout.fileno(), MB)):  # type: ignore[union-attr]
            begin = begin or time.monotonic()
            received.append(data)
            size += len(data)
        taken = time.monotonic() - begin
        for child in psutil.Process(forward.pid).children(recursive=True):
            child.kill()
        forward.kill()
    return count / taken, b"".join(received) == block * (count // 1000)


# 6. Nothing happens.


def idle(duration_s: int, _dice: random.Random, step: Step) -> list[Figure]:
    """A host with a ready sidecar, default rules, and nobody who asks."""
    with host(**APPLICATION) as quiet:
        quiet.wait_for("ready")
        process = psutil.Process(quiet.process.pid)
        begin, before = time.monotonic(), process.cpu_times()
        while (passed := time.monotonic() - begin) < duration_s:
            step(int(passed), duration_s)
            time.sleep(min(0.5, duration_s - passed))  # idling is what is measured
        after = process.cpu_times()
        used = (after.user + after.system - before.user - before.system) / passed * 100
        resident = process.memory_info().rss / MB
        threads = process.num_threads()
    return [
        Figure(
            f"processor time of an idle bridge over {duration_s} s", f"{used:.2f} % of a core", "< 0.5 %", used < 0.5
        ),
        Figure("resident memory of the bridge's process", f"{resident:.1f} MB", "< 40 MB", resident < 40),
        Figure("its threads, the main one too", str(threads)),
    ]
