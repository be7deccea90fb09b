"""A host in a process of its own, so that its memory can be measured. Argument: the upstream's port."""

import asyncio
import socket
import sys

import uvicorn

from mediabridge.proxy import AsgiProxy, Endpoint, Routes
from mediabridge.proxy.testing import FakeUpstream


async def main() -> None:
    proxy = AsgiProxy(FakeUpstream(Endpoint(port=int(sys.argv[1]))), routes=Routes.of("/api"))
    config = uvicorn.Config(proxy, loop="uvloop", http="httptools", access_log=False, log_level="error")
    listener = socket.create_server(("127.0.0.1", 0))
    asyncio.get_running_loop().call_soon(lambda: print(listener.getsockname()[1], flush=True))
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main())
