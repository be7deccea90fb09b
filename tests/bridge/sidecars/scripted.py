"""Answers its health checks as told: `scripted.py SFSF` = 200, 503, 200, 503, and so on from the start."""

import itertools
import sys

from serving import forever, healthy, serve

turns = itertools.cycle(sys.argv[1])


def answer(path: str) -> tuple[int, str]:
    """The next of the script."""
    return healthy(path) if next(turns) == "S" else (503, "")


serve(answer)
forever()
