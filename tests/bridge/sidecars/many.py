"""A host that starts many bridges at once, each on a port of its own: `many.py COUNT KIND`; prints their ports."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mediabridge.bridge import BridgeOptions, PythonBridge, Rules, StartError, script

RULES = Rules(start_timeout_s=50, start_tries=100000, start_interval_s=0.1)
count, kind = int(sys.argv[1]), sys.argv[2]
target = script(
    str(Path(__file__).parent / "single.py"),
    takes_socket=kind == "held socket",
    echoes_nonce=True,
    own_interpreter=True,
)
bridges = [PythonBridge(BridgeOptions(target=target, port=0, rules=RULES), sink=lambda _: None) for _ in range(count)]


def port_of(bridge: PythonBridge) -> int | str:
    """Where it listens, or why it does not."""
    try:
        bridge.start()
    except StartError as problem:
        return str(problem)
    return int(bridge.url.rpartition(":")[2])


with ThreadPoolExecutor(count) as pool:
    ports = list(pool.map(port_of, bridges))
    print(json.dumps(ports))
    list(pool.map(PythonBridge.stop, bridges))
