"""Exits with 3 while a child in a session of its own keeps both pipes open; `flood`: and writes without end."""

import os
import sys

from serving import sleeper

if "flood" in sys.argv and os.fork() == 0:
    os.setsid()
    while True:
        os.write(1, b"flood\n" * 1000)
sleeper(session=True)
print("keeper: gone", file=sys.stderr, flush=True)
os._exit(3)
