"""A pre-forking host: the bridge is started in the master, and used in the copies that `os.fork` makes."""

import json
import os
import subprocess
import sys
import textwrap

HOST = """
import json, os, signal, sys, time, urllib.request, warnings
warnings.simplefilter("ignore")
from mediabridge.bridge import BridgeOptions, PythonBridge, State, wsgi
bridge = PythonBridge(BridgeOptions(port={port}, shared={shared}, target=wsgi("shop:app", cwd={folder!r})))
bridge.start()
first = bridge.status().pid
read, write = os.pipe()
copy = os.fork()
if copy == 0:
    known = bridge.status()
    route = bridge.routes()[0]
    request = urllib.request.Request(route.address.url + "/x", headers={{"X-Mediabridge-Token": route.token}})
    body = urllib.request.urlopen(request, timeout=10).read().decode()
    os.write(write, b"1")
    gone = bridge.wait_for(*(state for state in State if state is not State.READY), timeout_s=10)
    back = bridge.wait_for(State.READY, timeout_s=10)
    print(json.dumps({{"first": first, "known": known.pid, "body": body, "gone": gone, "back": back,
                       "second": bridge.status().pid}}), flush=True)
    bridge.stop()
    os._exit(0)
os.read(read, 1)
os.kill(first, signal.SIGKILL)
os.waitpid(copy, 0)
print(json.dumps({{"after": bridge.wait_for(State.READY, timeout_s=10)}}), flush=True)
bridge.stop()
"""


def run(tmp_path, *, shared):
    (tmp_path / "shop.py").write_text(
        textwrap.dedent("""
        def app(environ, start_response):
            start_response("200 OK", [("Content-Length", "5")])
            return [b"hello"]
        """)
    )
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    code = HOST.format(port=port, shared=shared, folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_a_copy_follows_the_master_s_sidecar_and_sees_it_die_and_come_back(tmp_path):
    copy, master = run(tmp_path, shared=True)
    assert copy["known"] == copy["first"]
    assert copy["body"] == "hello"
    assert copy["gone"]
    assert copy["back"]
    assert copy["second"] != copy["first"]
    assert master == {"after": True}  # the copy's stop() did not end what is the master's
