"""The worker with the product's own handlers, on a store of its own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mediabridge.sidecar.storage.disk import LocalDisk
from mediabridge.sidecar.storage.record import Label
from mediabridge.sidecar.storage.store import ContentStore

HANDLERS = "mediabridge.sidecar.work:handlers"
Until = Callable[..., Any]


@pytest.fixture
def scan(tmp_path: Path) -> str:
    """The hash of a stored PDF whose only page is a picture."""
    drawn = io.BytesIO()
    Image.new("L", (200, 100), 255).save(drawn, "PDF")
    store = ContentStore(LocalDisk(tmp_path / "files"))
    incoming = store.accept(Label("scan.pdf", None, None), 1 << 20, None)
    try:
        incoming.write(drawn.getvalue())
        return store.keep(incoming).record.content_hash
    finally:
        incoming.close()
        store.close()


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    return {"FILE_STORAGE_PATH": str(tmp_path / "files"), "CACHE_PATH": str(tmp_path / "cache")}


def test_without_tesseract_the_ocr_of_a_scan_is_not_queued_to_fail(
    bench: Any, start_worker: Any, until: Until, scan: str, places: dict[str, str]
) -> None:
    start_worker(HANDLERS, **places, TESSERACT_PATH="/nowhere/tesseract")
    job = bench.queue.submit("text", {"contentHash": scan})
    done = until(lambda: (found := bench.job(job)).status == "completed" and found, 20)
    assert done.result["status"] == "needs_ocr"
    assert bench.queue.listed(kind="ocr") == []


def test_a_worker_that_is_stopped_leaves_nothing_that_looks_like_a_crash(
    bench: Any, start_worker: Any, until: Until, scan: str, places: dict[str, str], tmp_path: Path
) -> None:
    worker = start_worker(HANDLERS, **places)
    job = bench.queue.submit("text", {"contentHash": scan})
    until(lambda: bench.job(job).status == "completed", 20)
    assert list((tmp_path / "cache" / ".incoming").glob("writer-*"))
    assert worker.stop() == 0
    assert not list(tmp_path.glob("*/.incoming/writer-*"))
