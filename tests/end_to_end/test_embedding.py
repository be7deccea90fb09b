"""The README's embedding, with real servers: an ASGI application under uvicorn workers, a Flask one under waitress."""

import os
import socket
import subprocess
import sys

import pytest
from running import alive, call, multipart, until

ASGI = """
from mediabridge.host import BridgeUpstream, bridge_from_settings, lifespan
from mediabridge.proxy import AsgiProxy, Routes

bridge = bridge_from_settings()
life = lifespan(bridge)

async def own(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        async with life(None):
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"own": true}'})

app = AsgiProxy(BridgeUpstream(bridge), routes=Routes.of("/api/extract", "/health"), app=own)
"""

FLASK = """
import sys
from flask import Flask
import waitress
from mediabridge.host import BridgeUpstream, bridge_from_settings, run_with_process
from mediabridge.proxy import Routes, WsgiProxy

app = Flask(__name__)

@app.get("/")
def own():
    return {"own": True}

bridge = run_with_process(bridge_from_settings())
app.wsgi_app = WsgiProxy(BridgeUpstream(bridge), routes=Routes.of("/api/extract", "/health"), app=app.wsgi_app)
waitress.serve(app, port=int(sys.argv[1]), host="127.0.0.1", threads=4, channel_request_lookahead=1)
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def embedded(tmp_path):
    processes = []

    def begin(code, *command):
        (tmp_path / "own_host.py").write_text(code)
        port = free_port()
        env = {**os.environ, "FLASK_PORT": str(free_port()), "XDG_RUNTIME_DIR": str(tmp_path)}
        words = [word.replace("{port}", str(port)) for word in command]
        processes.append(subprocess.Popen([sys.executable, *words], cwd=tmp_path, env=env, start_new_session=True))
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/health"), "the sidecar is ready", 30)
        return url, processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.wait(10)


def answers(url):
    try:
        return call(url)[0] == 200
    except OSError:
        return False


def test_an_asgi_host_with_three_workers_has_one_sidecar_and_its_own_routes(embedded, photo):
    command = ("-m", "uvicorn", "own_host:app", "--port", "{port}", "--workers", "3", "--log-level", "error")
    url, process = embedded(ASGI, *command)
    assert call(f"{url}/")[2] == {"own": True}
    until(lambda: all(answers(f"{url}/health") for _ in range(20)), "every worker knows that the sidecar is ready", 30)
    pids = set()
    for _ in range(12):
        assert call(f"{url}/api/extract", *multipart(photo.name, photo.read_bytes()))[0] == 200
        pids.add(call(f"{url}/health")[2]["pid"])
    assert len(pids) == 1
    process.terminate()
    assert process.wait(30) is not None
    until(lambda: not alive(pids), "the sidecar is gone")


def test_a_flask_host_serves_both(embedded, photo):
    url, process = embedded(FLASK, "own_host.py", "{port}")
    assert call(f"{url}/")[2] == {"own": True}
    status, _, answer = call(f"{url}/api/extract", *multipart(photo.name, photo.read_bytes()))
    assert status == 200
    assert answer["metadata"]["EXIF"]["Make"] == "Canon"
    pid = call(f"{url}/health")[2]["pid"]
    process.kill()
    until(lambda: not alive({pid}), "the sidecar is gone", 2)
