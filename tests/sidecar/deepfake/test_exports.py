"""One door, and a child that loads little."""

import subprocess
import sys
from pathlib import Path

import mediabridge.sidecar
from mediabridge.sidecar import deepfake


def test_all_names_are_there_and_sorted() -> None:
    assert all(hasattr(deepfake, name) for name in deepfake.__all__)
    assert sorted(deepfake.__all__, key=lambda name: (not name.isupper(), name)) == deepfake.__all__


def test_the_child_loads_neither_web_server_nor_decoder_before_it_is_asked() -> None:
    code = (
        "import sys, types\n"
        # As `isolated/start.py` does: the package's own door opens on the web server.
        "package = types.ModuleType('mediabridge.sidecar')\n"
        f"package.__path__ = [{str(Path(mediabridge.sidecar.__path__[0]))!r}]\n"
        "sys.modules[package.__name__] = package\n"
        "import mediabridge.sidecar.deepfake.work\n"
        "print(*sorted({'flask', 'waitress', 'sqlite3', 'numpy', 'c2pa', 'psutil'} & sys.modules.keys()))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == ""
