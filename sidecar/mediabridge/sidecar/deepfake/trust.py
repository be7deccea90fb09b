"""Reads the certificates of signers whom the operator trusts."""

from __future__ import annotations

from pathlib import Path

_BEGINS = "-----BEGIN CERTIFICATE-----"
_LARGEST = 16 * 1024**2


def read_anchors(path: str | None) -> str | None:
    """The PEM certificates in a file; None where no path is set. Raises `ValueError` saying why it is of no use."""
    if not path:
        return None
    try:
        with Path(path).expanduser().open(encoding="utf-8") as file:
            text = file.read(_LARGEST)
    except (OSError, UnicodeDecodeError) as problem:
        msg = f"it cannot be read ({problem.strerror if isinstance(problem, OSError) else 'it is no text'})"
        raise ValueError(msg) from problem
    if _BEGINS not in text:
        msg = "it holds no certificate in PEM form"
        raise ValueError(msg)
    return text
