"""Writes what breaks a careless reader: `output.py KIND`; then healthy."""

import os
import sys
import time

from serving import forever, serve

SNOWMAN = "☃".encode()


def put(*parts: bytes, fd: int = 1) -> None:
    """Each part with a write of its own."""
    for part in parts:
        rest = part
        while rest:
            rest = rest[os.write(fd, rest) :]


def invalid() -> None:
    """Bytes that are no UTF-8, then a megabyte."""
    put(b"before \xff\xfe after\n", b"x" * 1_000_000 + b"\n", b"last\n")


def split() -> None:
    """One character in two writes, far enough apart to be read alone."""
    put(b"snow" + SNOWMAN[:1])
    time.sleep(0.5)
    put(SNOWMAN[1:] + b"man\n")


def progress() -> None:
    """A progress bar."""
    for percent in (10, 50, 100):
        put(b"\r%d%%" % percent)
    put(b"\ndone\n")


def prompt() -> None:
    """A line that does not end."""
    put(b"name? ")


def huge() -> None:
    """Ten megabytes in one line."""
    put(b"y" * 10_000_000 + b"\n", b"after\n")


def controls() -> None:
    """Colours, a bell, a cursor that goes home."""
    put(b"\x1b[31mred\x1b[0m\x1b[2J\x07 end\n")


def tail() -> None:
    """Ends in the middle of a line, as the last line of a traceback may."""
    put(b"first\nlast without end")
    put(b"ValueError: the reason", fd=2)
    os._exit(4)


def buffered() -> None:
    """What every program does, without a flush."""
    print("printed")
    print("warned", file=sys.stderr)


def closed() -> None:
    """Lets go of its output and lives on."""
    put(b"bye\n")
    os.close(1)
    os.close(2)


globals()[sys.argv[1]]()
serve()
forever()
