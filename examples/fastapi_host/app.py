"""A FastAPI application with mediabridge inside: its own page and route, and those of the sidecar beside them."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from mediabridge.host import BridgeUpstream, bridge_from_settings, lifespan
from mediabridge.proxy import AsgiProxy, Routes

ROUTES = Routes.of("/api/extract", "/health")
UVICORN_SETS = ("date", "server")  # headers that uvicorn adds by itself
PAGE = """<!doctype html><title>Photos</title>
<form action="/api/extract" method="post" enctype="multipart/form-data">
  <input type="file" name="file" required> <button>What does it say?</button>
</form>"""

bridge = bridge_from_settings()  # one sidecar, however many workers uvicorn has
app = FastAPI(lifespan=lifespan(bridge))
app.add_middleware(lambda inner: AsgiProxy(BridgeUpstream(bridge), routes=ROUTES, app=inner, server_sets=UVICORN_SETS))


@app.get("/", response_class=HTMLResponse)
def page() -> str:
    """A form that sends a photo to the sidecar."""
    return PAGE


@app.get("/api/photos")
def photos() -> dict[str, list[str]]:
    """A route of the application's own, beside the proxied ones."""
    return {"photos": []}
