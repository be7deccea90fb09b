"""Starts `main` of `child` or `serve`, as its first argument says, as a script and without the web server.

The door of `mediabridge.sidecar` opens on all of it, and no task needs it: 0.2 s of processor time for each child.
"""

import importlib
import sys
import types
from pathlib import Path

if __name__ == "__main__":
    package = types.ModuleType("mediabridge.sidecar")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules[package.__name__] = package
    sys.exit(importlib.import_module(f"mediabridge.sidecar.isolated.{sys.argv.pop(1)}").main())
