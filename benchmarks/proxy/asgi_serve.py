"""Our ASGI proxy on uvicorn: `python asgi_serve.py PORT` as `mediabridge serve` runs it, with `plain` as others do."""

import sys

import uvicorn

from mediabridge.host.joined import JoinedProtocol

HTTP = {False: JoinedProtocol, True: "httptools"}

if __name__ == "__main__":
    uvicorn.run(
        "asgi_app:app", port=int(sys.argv[1]), loop="uvloop", http=HTTP[sys.argv[2:] == ["plain"]],
        access_log=False, server_header=False, date_header=False, proxy_headers=False, log_level="error", ws="none",
    )  # fmt: skip
