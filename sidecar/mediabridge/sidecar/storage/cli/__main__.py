"""`python -m mediabridge.sidecar.storage.cli`: what `mediabridge scrub` runs.

Exit code 0: all that was acknowledged is as it was; 1: something is not; 2: wrong usage; 130, 143: ended by a signal.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mediabridge.config import load
from mediabridge.sidecar import logs
from mediabridge.sidecar.extraction.cli.output import progress
from mediabridge.sidecar.limits import megabytes
from mediabridge.sidecar.storage.disk import LocalDisk
from mediabridge.sidecar.storage.place import folder_of
from mediabridge.sidecar.storage.scrub import MEANING, Finding, Scrubber

_SIGNALLED = 128


def main(argv: Sequence[str] | None = None) -> int:
    """Examine all originals, and print what was found; gives the exit code."""
    parser = argparse.ArgumentParser(prog="mediabridge scrub", description="Compare all originals with their hashes.")
    parser.add_argument("--mend", action="store_true", help="Put damaged originals aside, delete unfinished ones.")
    parser.add_argument("--json", action="store_true", dest="as_json", help="One JSON object.")
    options = parser.parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    settings, warnings = load(os.environ, toml=Path("mediabridge.toml"), mode="production")
    logs.configure("production", level=settings.log_level, human=True)
    for warned in warnings:
        print(warned, file=sys.stderr)  # noqa: T201
    disk = LocalDisk(folder_of(settings.file_storage_path))
    if not disk.root.is_dir():
        words = f"There is no folder {disk.root} yet; is FILE_STORAGE_PATH that of the server?"
        print(words, file=sys.stderr)  # noqa: T201
    try:
        findings = _examine(disk, Scrubber(disk, mend=options.mend))
    except OSError as problem:
        print(f"{disk.root} cannot be read: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        disk.close()
    print(_as_json(disk.root, findings) if options.as_json else _in_words(disk.root, findings))  # noqa: T201
    return int(any(finding.trouble not in (None, "unfinished") for finding in findings))


def _stop(number: int, _frame: object) -> None:
    sys.exit(_SIGNALLED + number)


def _examine(disk: LocalDisk, scrubber: Scrubber) -> list[Finding]:
    hashes = sorted(disk.hashes())
    findings = []
    with progress(len(hashes), sys.stderr, shown=sys.stderr.isatty()) as step:
        for content_hash in hashes:
            findings.append(scrubber.examine(content_hash))
            step()
    return findings


def _as_json(root: Path, findings: Sequence[Finding]) -> str:
    told = [
        {"contentHash": one.content_hash, "trouble": one.trouble, "detail": one.detail, "mended": one.mended}
        for one in findings
        if one.trouble
    ]
    size = sum(one.size for one in findings)
    return json.dumps({"folder": str(root), "files": len(findings), "totalSize": size, "findings": told})


def _in_words(root: Path, findings: Sequence[Finding]) -> str:
    lines = []
    for one in findings:
        if one.trouble:
            detail, mended = f" ({one.detail})" if one.detail else "", " – mended" if one.mended else ""
            lines.append(logs.clean(f"{one.content_hash} {one.trouble}: {MEANING[one.trouble]}{detail}{mended}"))
    counts = Counter(one.trouble for one in findings if one.trouble)
    judged = ", ".join(f"{count} {trouble}" for trouble, count in sorted(counts.items())) or "all as they were stored"
    size = sum(one.size for one in findings)
    return "\n".join([*lines, f"{len(findings)} originals in {root}, {megabytes(size)} read: {judged}"])


if __name__ == "__main__":
    sys.exit(main())
