"""Readers asked in this process, and one pool of real children for all tests of texts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from documents import TYPES

from mediabridge.sidecar.images import Pictures
from mediabridge.sidecar.images import start_pool as start_decoders
from mediabridge.sidecar.text import Texts, start_pool
from mediabridge.sidecar.text.work import work


@pytest.fixture(scope="session")
def texts() -> Iterator[Texts]:
    made = Texts(start_pool(1))
    yield made
    made.close()


@pytest.fixture(scope="session")
def pictures() -> Iterator[Pictures]:
    made = Pictures(start_decoders(1))
    yield made
    made.close()


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes, str], tuple[str, dict[str, Any]]]:
    """What the child's task says of a content: its text, and its last words."""

    def ask(content: bytes, kind: str) -> tuple[str, dict[str, Any]]:
        path = tmp_path / "document"
        path.write_bytes(content)
        *pieces, (end, _) = work({"do": "text", "path": str(path), "mimeType": TYPES[kind]})
        return "\n".join(data.decode() for _, data in pieces), {**end, "pieces": [told for told, _ in pieces]}

    return ask


@pytest.fixture(scope="session")
def tesseract() -> Path:
    """The real Tesseract; a test that needs it is skipped where it is not installed."""
    found = shutil.which("tesseract")
    if found is None:
        pytest.skip("Tesseract is not on PATH")
    return Path(found)
