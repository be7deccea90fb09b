"""Healthy; on SIGTERM it waits for all its children, as a pre-forking server does, then ends with 0."""

import contextlib
import os
import signal
import threading

from serving import serve

ending = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ending.set())
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        signal.pause()
serve()
ending.wait()
with contextlib.suppress(ChildProcessError):
    while True:
        os.wait()
