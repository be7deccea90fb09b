"""Changed code replaces the sidecar, in development."""

import sys
import threading
import time
from pathlib import Path

from mediabridge.bridge import SIDECAR, module, script, wsgi
from mediabridge.host.reload import CodeWatch, folders_of


def touched_until(path, event, deadline_s=10):
    """Change a file again and again: the watcher needs a moment before it sees anything."""
    end = time.monotonic() + deadline_s
    number = 0
    while not event.is_set():
        assert time.monotonic() < end, "no change was noticed"
        number += 1
        path.write_text(f"x = {number}\n")
        event.wait(0.2)


def test_a_changed_python_file_is_noticed(tmp_path):
    changed = threading.Event()
    watch = CodeWatch([tmp_path])
    watch.start(changed.set)
    touched_until(tmp_path / "app.py", changed)
    watch.stop()


def test_other_files_are_not():
    assert CodeWatch([]).start(lambda: None) is None  # nothing to watch, no thread
    assert not any(thread.name == "mediabridge-watch" for thread in threading.enumerate())


def test_stopping_ends_the_thread(tmp_path):
    watch = CodeWatch([tmp_path])
    watch.start(lambda: None)
    watch.stop()
    assert not any(thread.name == "mediabridge-watch" for thread in threading.enumerate())


def test_a_script_s_folder_is_watched(tmp_path):
    (tmp_path / "server.py").write_text("")
    assert folders_of(script(str(tmp_path / "server.py"))) == [tmp_path]
    assert folders_of(script("server.py", cwd=str(tmp_path))) == [tmp_path]


def test_a_target_s_working_folder_is_watched(tmp_path):
    assert folders_of(wsgi("shop:app", cwd=str(tmp_path))) == [tmp_path]


def test_installed_code_is_not_watched():
    assert folders_of(module("pytest")) == []


def test_our_own_sidecar_is_watched_in_a_checkout():
    found = folders_of(SIDECAR)
    assert found == [] or (found[0].name == "sidecar" and Path(sys.prefix).resolve() not in found[0].parents)
