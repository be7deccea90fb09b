"""Healthy; on SIGTERM it waits for all its children, as a pre-forking server does, then ends with 0."""

import contextlib
import os
import signal

from serving import forever, serve

if os.fork() == 0:
    forever()  # the default of SIGTERM ends it, from its first moment on
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # by its threads as well: it is kept until it is waited for
serve()
signal.sigwait({signal.SIGTERM})
with contextlib.suppress(ChildProcessError):
    while True:
        os.wait()
