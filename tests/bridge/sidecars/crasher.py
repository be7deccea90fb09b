"""Ready, then ends by itself: `crasher.py SECONDS CODE|SIGNAL [leave]`; `leave` leaves three sleepers behind."""

import os
import signal
import sys
import time

from serving import serve, three_sleepers

if "leave" in sys.argv:
    three_sleepers()
print("crasher: about to end", file=sys.stderr, flush=True)
serve()
time.sleep(float(sys.argv[1]))
if sys.argv[2].isdigit():
    os._exit(int(sys.argv[2]))
os.kill(os.getpid(), getattr(signal, sys.argv[2]))
signal.pause()
