"""Healthy, with three children: in its group, in a session of its own, a daemon. `stubborn`: all ignore SIGTERM."""

import signal
import sys

from serving import forever, serve, three_sleepers

STUBBORN = "stubborn" in sys.argv
three_sleepers(stubborn=STUBBORN)
if STUBBORN:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
serve()
forever()
