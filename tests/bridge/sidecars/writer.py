"""Writes LINES lines of WIDTH bytes, in big pieces: `writer.py LINES WIDTH`; then sleeps."""

import os
import sys

from serving import forever

BATCH = 1000
lines, width = int(sys.argv[1]), int(sys.argv[2])
block = b"".join(b"%0*d\n" % (width - 1, number) for number in range(BATCH))
for _ in range(lines // BATCH):
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(1, rest) :]
forever()
