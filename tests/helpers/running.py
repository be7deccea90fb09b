"""Starts the real program on free ports, watches what it prints, and asks it things over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

PROGRAM = Path(sys.executable).with_name("mediabridge")
CORPUS = Path(os.environ.get("MEDIABRIDGE_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
DEADLINE_S = 30.0


def alive(pids: set[int]) -> set[int]:
    """Those of `pids` that run; a zombie has ended."""
    found = set()
    for pid in pids:
        try:
            if psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                found.add(pid)
        except psutil.NoSuchProcess:
            continue
    return found


class Instance:
    """A running `mediabridge`."""

    def __init__(self, *args: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        self.lines: list[str] = []
        self._news: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [PROGRAM, *args],
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._news.put(line)
        self._news.put(None)

    def wait_for(self, pattern: str, deadline_s: float = DEADLINE_S) -> re.Match[str]:
        """The first line that matches, also one that is there already."""
        end = time.monotonic() + deadline_s
        seen = 0
        while True:
            for line in self.lines[seen:]:
                if match := re.search(pattern, line):
                    return match
            seen = len(self.lines)
            try:
                if self._news.get(timeout=max(0.01, end - time.monotonic())) is None and seen == len(self.lines):
                    break
            except queue.Empty:
                break
        raise AssertionError(f"no line matched {pattern!r}:\n" + "\n".join(self.lines))

    @property
    def url(self) -> str:
        return self.wait_for(r"listening on (http://\S+)")[1]

    def ready(self) -> str:
        self.wait_for(r"ready: http")
        return self.url

    def tree(self) -> set[int]:
        """Pids of everything that it has started."""
        return {child.pid for child in psutil.Process(self.process.pid).children(recursive=True)}

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self, deadline_s: float = DEADLINE_S) -> int:
        """Wait for the end; gives the exit code."""
        code = self.process.wait(deadline_s)
        self._reader.join(5)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        self.process.stdin.close()
        self._reader.join(5)
        self.process.stdout.close()


def until(condition: Callable[[], object], what: str, deadline_s: float = 10.0) -> None:
    """Poll until `condition` holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what}")
        time.sleep(0.02)


def call(url, data=None, headers=None, method=None):
    """(status, headers, JSON) of a request; an error status is an answer like any other."""
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, json.load(error)


def multipart(name, content, field="file"):
    head = f'--X\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
    return head + content + b"\r\n--X--\r\n", {"Content-Type": "multipart/form-data; boundary=X"}


def signal_quietly(pid, number):
    """Send a signal; one that is gone is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
