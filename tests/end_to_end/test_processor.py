"""Work ahead of the first request: queued on upload, done by the worker, whatever is killed meanwhile."""

from __future__ import annotations

import io
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pictures import scene
from PIL import Image, ImageDraw, ImageFont
from running import Instance, call, signal_quietly, until

Start = Callable[..., Instance]


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    names = {"FILE_STORAGE_PATH": "files", "CACHE_PATH": "cache", "INSTANCE_PATH": "instance"}
    return {name: str(tmp_path / folder) for name, folder in names.items()}


def photograph(seed: int, side: int = 640) -> bytes:
    file = io.BytesIO()
    scene(seed, side, side).save(file, "JPEG")
    return file.getvalue()


def upload(url: str, content: bytes, name: str = "photo.jpg") -> dict[str, Any]:
    status, _, told = call(f"{url}/upload", content, {"x-filename": name, "Content-Type": "image/jpeg"})
    assert status == 200, told
    return told


def settled(url: str, job_id: str) -> dict[str, Any]:
    """The job when nothing more becomes of it by itself."""
    told: dict[str, Any] = {}

    def over() -> bool:
        told.update(call(f"{url}/api/jobs/{job_id}")[2])
        return told["status"] in ("completed", "failed", "cancelled")

    until(over, f"job {job_id} is over", 30)
    return told


def worker_of(host: Instance) -> psutil.Process:
    found = [
        child
        for child in psutil.Process(host.process.pid).children(recursive=True)
        if "mediabridge.sidecar.jobs.worker" in child.cmdline()
    ]
    assert len(found) == 1
    return found[0]


def test_an_upload_is_worked_on_before_anybody_asks(start: Start, folders: dict[str, str]) -> None:
    url = start("dev", "--port", "0", "--sidecar-port", "0", env=folders).ready()
    told = upload(url, photograph(1))
    assert [job["kind"] for job in told["jobs"]] == ["image"]
    job = settled(url, told["jobs"][0]["id"])
    assert (job["status"], job["progress"]) == ("completed", {"done": 4, "total": 4, "failed": 0})
    made = {path.name for path in Path(folders["CACHE_PATH"], told["contentHash"]).iterdir()}
    assert {"thumbnail.webp", "preview.jpg", "ai-chat.jpg", "ai-vision.jpg"} <= made
    assert upload(url, photograph(1))["jobs"] == []  # it is all there
    queue = call(f"{url}/health")[2]["queue"]
    assert queue == {"pending": 0, "processing": 0, "failed": 0, "workers": 1}


def test_who_does_not_wait_gets_a_job(start: Start, folders: dict[str, str]) -> None:
    """`?wait=0`: 202 until it is there, and the same job however often it is asked."""
    url = start("dev", "--port", "0", "--sidecar-port", "0", env={**folders, "SIDECAR_WORKER": "off"}).ready()
    address = f"{url}/cache/{upload(url, photograph(2))['contentHash']}/thumbnail"
    status, headers, first = call(f"{address}?wait=0")
    assert (status, first["status"], headers["Retry-After"]) == (202, "queued", "1")
    assert call(f"{address}?wait=0")[2]["jobId"] == first["jobId"]
    assert call(url + headers["Location"])[2]["id"] == first["jobId"]
    assert call(f"{url}/cache/{'0' * 64}/thumbnail?wait=0")[0] == 404

    assert call(f"{url}/api/jobs/{first['jobId']}/pause", b"")[2]["status"] == "paused"
    status, _, told = call(f"{url}/api/jobs/{first['jobId']}/retry", b"")
    assert (status, told["code"]) == (409, "conflict")
    assert call(f"{url}/api/jobs/{first['jobId']}/resume", b"")[2]["status"] == "queued"
    assert call(f"{url}/api/jobs/{first['jobId']}/cancel", b"")[2]["status"] == "cancelled"
    assert call(f"{url}/api/jobs/none")[0] == 404
    assert call(f"{url}/api/jobs?status=done")[0] == 400
    assert [job["status"] for job in call(f"{url}/api/jobs?status=cancelled&kind=image")[2]["jobs"]] == ["cancelled"]


def test_a_broken_picture_is_a_dead_letter_that_can_be_tried_again(start: Start, folders: dict[str, str]) -> None:
    url = start("dev", "--port", "0", "--sidecar-port", "0", env=folders).ready()
    broken = b"\xff\xd8\xff" + bytes(5000)
    job = settled(url, upload(url, broken)["jobs"][0]["id"])
    assert (job["status"], job["error"]["kind"]) == ("failed", "UnreadableFile")
    assert [dead["id"] for dead in call(f"{url}/api/jobs?status=failed")[2]["jobs"]] == [job["id"]]
    status, _, again = call(f"{url}/api/jobs/{job['id']}/retry", b"")
    assert (status, again["status"]) == (200, "queued")
    assert settled(url, job["id"])["status"] == "failed"
    assert call(f"{url}/health")[2]["queue"]["failed"] == 1
    status, _, told = call(f"{url}/cache/{job['contentHash']}/thumbnail?wait=0")  # who asks again is told why
    assert (status, told["code"]) == (422, "unreadable_file")


def test_texts_are_read_ahead_and_a_scan_goes_to_ocr(start: Start, folders: dict[str, str]) -> None:
    if shutil.which("tesseract") is None:
        pytest.skip("Tesseract is not installed")
    url = start("dev", "--port", "0", "--sidecar-port", "0", env=folders).ready()
    told = upload(url, "Grüße aus Wien".encode("cp1252"), "brief.txt")
    assert [job["kind"] for job in told["jobs"]] == ["text"]
    assert settled(url, told["jobs"][0]["id"])["result"]["status"] == "ok"
    assert call(f"{url}/cache/{told['contentHash']}/text?wait=0")[2]["text"] == "Grüße aus Wien"

    page = Image.new("RGB", (900, 300), "white")
    ImageDraw.Draw(page).text((60, 100), "SCANNED WORDS", fill="black", font=ImageFont.load_default(72))
    scan = io.BytesIO()
    page.save(scan, "PDF", resolution=150)
    told = upload(url, scan.getvalue(), "scan.pdf")
    assert settled(url, told["jobs"][0]["id"])["result"]["status"] == "needs_ocr"
    until(lambda: call(f"{url}/api/jobs?kind=ocr&status=completed")[2]["jobs"], "its OCR is done", 30)
    address = call(f"{url}/cache/{told['contentHash']}/text")[2]["ocr"]
    assert "SCANNED" in call(f"{url}{address}?wait=0")[2]["text"]


def test_a_worker_that_is_killed_loses_nothing(start: Start, folders: dict[str, str]) -> None:
    """Under `serve` it is started again, and what it had begun is done."""
    host = start("serve", "--port", "0", "--sidecar-port", "0", env={**folders, "LOG_LEVEL": "info"})
    until(lambda: any('"ready: http' in line or "ready: http" in line for line in host.lines), "ready")
    url = json.loads(next(line for line in host.lines if "listening on" in line))["message"].split()[-1]
    jobs = [upload(url, photograph(seed, 1200))["jobs"][0]["id"] for seed in range(3, 9)]
    signal_quietly(worker_of(host).pid, signal.SIGKILL)
    assert {settled(url, job)["status"] for job in jobs} == {"completed"}
