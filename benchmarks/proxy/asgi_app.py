"""Our ASGI proxy as uvicorn serves it, before two fixed upstreams: UPSTREAM_SMALL and UPSTREAM_LARGE."""

import os

from mediabridge.proxy import AsgiProxy, Endpoint, Routes


class Fixed:
    def __init__(self, port):
        self._endpoints = (Endpoint(port=port, headers=((b"x-mediabridge-token", b"t" * 32),)),)

    def why_not_ready(self):
        return None

    def endpoints(self):
        return self._endpoints


large = AsgiProxy(Fixed(int(os.environ["UPSTREAM_LARGE"])), routes=Routes.of("/api"))
app = AsgiProxy(Fixed(int(os.environ["UPSTREAM_SMALL"])), routes=Routes.of("/api/extract/small"), app=large)
