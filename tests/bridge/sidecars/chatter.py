"""Healthy, and writes: `chatter.py LINES [BYTES]`, numbered lines as fast as the pipe takes them; 0 = for ever.

`/written` answers how many lines have gone out.
"""

import os
import sys

from serving import forever, healthy, serve

BATCH = 500
count = int(sys.argv[1])
width = int(sys.argv[2]) if len(sys.argv) > 2 else 40
written = 0


def answer(path: str) -> tuple[int, str]:
    """Health, or the count."""
    return (200, str(written)) if path == "/written" else healthy(path)


def put(data: bytes) -> None:
    """All of it."""
    while data:
        data = data[os.write(1, data) :]


serve(answer)
while not count or written < count:
    upto = min(written + BATCH, count or written + BATCH)
    put(b"".join(b"%0*d\n" % (width - 1, number) for number in range(written, upto)))
    written = upto
put(b"end\n")
forever()
