"""A Flask application with mediabridge inside: its own page and route, and those of the sidecar beside them."""

from __future__ import annotations

import os

import waitress
from flask import Flask

from mediabridge.host import BridgeUpstream, bridge_from_settings, run_with_process
from mediabridge.proxy import Routes, WsgiProxy

ROUTES = Routes.of("/api/extract", "/health")
PAGE = """<!doctype html><title>Photos</title>
<form action="/api/extract" method="post" enctype="multipart/form-data">
  <input type="file" name="file" required> <button>What does it say?</button>
</form>"""

app = Flask(__name__)


@app.get("/")
def page() -> str:
    """A form that sends a photo to the sidecar."""
    return PAGE


@app.get("/api/photos")
def photos() -> dict[str, list[str]]:
    """A route of the application's own, beside the proxied ones."""
    return {"photos": []}


def main() -> None:
    """Serve until Ctrl+C; the sidecar ends with the process, however that ends."""
    bridge = run_with_process(bridge_from_settings())
    app.wsgi_app = WsgiProxy(BridgeUpstream(bridge), routes=ROUTES, app=app.wsgi_app)
    waitress.serve(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))


if __name__ == "__main__":
    main()
