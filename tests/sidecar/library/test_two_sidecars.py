"""Two sidecars and a process that imports write to one library at once: no client is told of a lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from catalogue import put
from sqlalchemy import func, select, text

from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import Decision, File

ROOT = Path(__file__).parents[3]
WRITER = ROOT / "tests" / "sidecar" / "database" / "writer.py"
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "sidecar"), str(ROOT / "config")])}
FILES, ROUNDS = 6, 8


def test_no_lock_reaches_a_client(start_sidecar: Any, stand_in: Path, tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    instance.mkdir()
    url = f"sqlite:///{instance}/library.db"
    # All three open the library at once, so that they migrate it at once as well.
    writer = subprocess.Popen([sys.executable, str(WRITER), url, "W", "0"], env=ENV, stdout=subprocess.DEVNULL)
    try:
        sidecars = [start_sidecar(EXIFTOOL_PATH=str(stand_in), INSTANCE_PATH=str(instance)) for _ in range(2)]
        assert [sidecar.get("/api/library/files?limit=1").status for sidecar in sidecars] == [200, 200]
        database = Database.open(url)
        numbers = database.write(lambda session: [put(session, f"/mine/{number}.jpg") for number in range(FILES)])

        def tag(job: tuple[int, int]) -> tuple[int, int]:
            turn, number = job
            body = json.dumps({"tags": [f"turn {turn}"]}).encode()
            sidecar = sidecars[(turn + number) % 2]
            sent = sidecar.request("PUT", f"/api/library/files/{number}/tags", body)
            return sent.status, sidecar.get("/api/library/files?tag=all&limit=20").status

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(tag, [(turn, number) for turn in range(ROUNDS) for number in numbers]))
        assert set(answers) == {(200, 200)}
        assert writer.poll() is None  # it has written all the while
    finally:
        writer.kill()
        writer.wait(10)
    assert "locked" not in "".join(sidecar.log for sidecar in sidecars)
    ours = database.read(lambda session: session.scalar(select(func.count()).select_from(Decision)))
    theirs = database.read(
        lambda session: session.scalar(select(func.count()).where(File.path > b"/W/", File.path < b"/W0"))
    )
    assert ours == FILES * ROUNDS
    assert theirs
    assert database.read(lambda session: session.scalar(text("PRAGMA integrity_check"))) == "ok"
    database.close()
