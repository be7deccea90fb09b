"""A WSGI application: `/` answers its pid, `/slow/SECONDS` takes its time, `/exit/CODE` and `/signal/NAME` end it."""

import os
import signal
import sys
import time
from collections.abc import Callable


def app(environ: dict, start_response: Callable) -> list[bytes]:
    """WSGI."""
    _, verb, argument, *_ = [*environ["PATH_INFO"].split("/"), "", ""]
    if verb == "slow":
        time.sleep(float(argument))
    elif verb == "exit":
        print(f"application: exit {argument}", file=sys.stderr, flush=True)
        os._exit(int(argument))
    elif verb == "signal":
        os.kill(os.getpid(), getattr(signal, argument))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
