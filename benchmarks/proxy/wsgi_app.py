"""Our WSGI proxy as waitress serves it: `python wsgi_app.py PORT`."""

import os
import sys

import waitress
from asgi_app import Fixed

from mediabridge.proxy import Routes, WsgiProxy

large = WsgiProxy(Fixed(int(os.environ["UPSTREAM_LARGE"])), routes=Routes.of("/api"))
app = WsgiProxy(Fixed(int(os.environ["UPSTREAM_SMALL"])), routes=Routes.of("/api/extract/small"), app=large)

if __name__ == "__main__":
    waitress.serve(
        app, host="127.0.0.1", port=int(sys.argv[1]), threads=8, channel_request_lookahead=1, connection_limit=1000,
        asyncore_use_poll=True, max_request_body_size=1 << 40, ident=None,
    )  # fmt: skip
