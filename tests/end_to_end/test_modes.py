"""Development and production, and a sidecar on a Unix socket."""

import importlib.util
import json
import os
import re
import shutil
import stat
import time
from pathlib import Path

from running import call, multipart, until


def test_production_logs_are_json_lines_and_warnings_only(start, photo):
    instance = start("serve", "--port", "0", "--sidecar-port", "0")
    until(lambda: instance.process.poll() is None and instance.tree(), "it runs")
    os.kill(min(instance.tree()), 9)  # something to warn of
    instance.wait_for("ended by itself")
    instance.interrupt()
    assert instance.end() == 0
    entries = [json.loads(line) for line in instance.lines]
    assert all({"time", "message"} <= set(entry) for entry in entries)
    told = [entry["message"] for entry in entries if entry.get("level") == "info"]
    assert len(told) == 1, "the port that was found, and nothing else"
    assert re.fullmatch(r"listening on http://127\.0\.0\.1:[1-9]\d*", told[0])


def test_a_sidecar_on_a_unix_socket_serves_the_same(start, photo, tmp_path):
    path = tmp_path / "sidecar.sock"
    instance = start("dev", "--port", "0", env={"FLASK_SOCKET": str(path)})
    url = instance.ready()
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert call(f"{url}/api/extract", *multipart(photo.name, photo.read_bytes()))[0] == 200
    instance.interrupt()
    assert instance.end() == 0
    assert not path.exists()


def test_changed_code_replaces_the_sidecar_while_it_serves(start, tmp_path):
    """`mediabridge dev` watches the sidecar's code; here a copy of it, so that nothing of ours is touched."""
    spec = importlib.util.find_spec("mediabridge.sidecar")
    copy = tmp_path / "code" / "mediabridge" / "sidecar"
    shutil.copytree(Path(spec.origin).parent, copy)
    instance = start("dev", "--port", "0", "--sidecar-port", "0", env={"PYTHONPATH": str(tmp_path / "code")})
    url = instance.ready()
    first = call(f"{url}/api/bridge/status")[2]["pid"]
    statuses = set()

    def replaced():
        (copy / "changed.py").write_text(f"when = {time.monotonic()}\n")
        statuses.add(call(f"{url}/health")[0])
        return call(f"{url}/api/bridge/status")[2]["pid"] not in (first, None)

    until(replaced, "another process serves", 20)
    assert statuses == {200}
    instance.interrupt()
    assert instance.end() == 0
