"""`mediabridge serve` without its crash-loop limit: the campaign kills more often than any honest crash comes."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from mediabridge.bridge import BridgeOptions, Console, PythonBridge, listen
from mediabridge.config import load
from mediabridge.host.app import create_app
from mediabridge.host.serve import Runner

ENDLESS = 1_000_000


def main() -> int:
    settings, _ = load(os.environ, toml=Path("mediabridge.toml"), mode="production")
    listener = listen(settings.host, settings.port, setting="")
    console = Console()
    plain = BridgeOptions.from_settings(settings)
    restart = replace(plain.rules.restart, limit=ENDLESS, base_s=0.1, cap_s=0.1)
    bridge = PythonBridge(replace(plain, rules=replace(plain.rules, restart=restart)), sink=console)
    try:
        return Runner(bridge, create_app(bridge, settings), listener, grace_s=plain.rules.grace_s).run()
    finally:
        console.close()


if __name__ == "__main__":
    sys.exit(main())
