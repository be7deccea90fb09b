"""Writes docs/failures.md from the code: `.venv/bin/python scripts/failures_table.py`. A test compares the two."""

from pathlib import Path

from mediabridge.bridge.catalogue import table

HEAD = """# What can go wrong with a sidecar

Made by `scripts/failures_table.py` from the code; do not edit. Every failure has a kind, a message and a mend, the exit
code or the signal, and the first and last part of what the child wrote to stderr. `retried` says whether the restart
policy may start it again: a start that would fail the same way again is not repeated.

"""


def document() -> str:
    """The whole page."""
    return HEAD + table()


if __name__ == "__main__":
    Path("docs/failures.md").write_text(document())
