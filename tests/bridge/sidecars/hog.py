"""Healthy once, then holds the interpreter's lock for good: no thread, no signal handler of its own ever runs again."""

import signal
import threading
from pathlib import Path

from serving import healthy, serve, three_sleepers

asked = threading.Event()


def answer(path: str) -> tuple[int, str]:
    """As long as it can."""
    threading.Timer(0.05, asked.set).start()
    return healthy(path)


three_sleepers()
signal.signal(signal.SIGTERM, lambda *_: None)
serve(answer)
asked.wait()
Path("/proc/self/comm").write_text("hog")
sum(range(10**13))
