"""Spoilt requests against our proxy in each host, a well-behaved one after each; ends with 1 when one did harm.

`make fuzz-proxy`, or `python benchmarks/fuzz_proxy.py [--count N] [--seed N] [uvicorn] [waitress] [express]`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the stages live among the tests
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/helpers"))

from staging import fuzz
from staging.scripted import ScriptedUpstream
from staging.serving import Server
from staging.waitress_stage import WaitressServer
from tests.contract.stages import ExpressStage, NodeHost, UvicornStage, WaitressStage

from mediabridge.proxy import Limits

HOSTS = ("uvicorn", "waitress", "express")
KINDS = ("2xx", "3xx", "4xx", "5xx", "closed", "hang", "wrong")


class Alarm(logging.Handler):
    """Tracebacks and errors in the log."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.seen = []

    def emit(self, record):
        if record.exc_info or record.levelno >= logging.ERROR:
            self.seen.append(f"log: {record.getMessage()[:200]}")


def build(host):
    """The stage and the server to stop afterwards."""
    if host == "uvicorn":
        server = Server()
        return UvicornStage(server, ScriptedUpstream()), server
    if host == "waitress":
        server = WaitressServer()
        return WaitressStage(server, ScriptedUpstream()), server
    server = NodeHost()
    return ExpressStage(server, ScriptedUpstream(), "attached"), server


def progress(host, count):
    def step(done):
        if sys.stderr.isatty() and not done % 20:
            sys.stderr.write(f"\r\x1b[K{host}: {done} of {count}" + ("\n" if done == count else ""))
            sys.stderr.flush()

    return step


def attack(host, count, seed, alarm):
    """One host; gives whether nothing happened that must not."""
    stage, server = build(host)
    upstream = fuzz.StrictUpstream()
    stage.set_up(limits=Limits(max_body=1 << 20, continue_s=0.2))
    stage.go_to(upstream.fuzzed)
    wire = stage.client()
    begun, alarm.seen = time.monotonic(), []
    result = fuzz.run(wire.sock.getpeername()[1], upstream, count, seed, progress(host, count))
    took = time.monotonic() - begun
    stage.close()
    upstream.close()
    server.stop()
    wrong = [*result.wrong, *alarm.seen]
    ends = " | ".join(str(result.ends[kind]) for kind in KINDS)
    print(f"| {host} | {count} | {ends} | {len(wrong)} | {result.slowest_s:.2f} | {took:.0f} |", flush=True)
    for line in wrong[:20]:
        print(f"    {line}", file=sys.stderr)
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", nargs="*", metavar="HOST", help=", ".join(HOSTS))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    alarm = Alarm()
    logging.basicConfig(handlers=[alarm], level=logging.WARNING)
    print(f"| host | requests | {' | '.join(KINDS)} | harm | slowest s | took s |\n|" + " --- |" * (len(KINDS) + 5))
    held = [attack(host, options.count, options.seed, alarm) for host in options.hosts or HOSTS]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
