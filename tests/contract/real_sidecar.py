"""A real sidecar in a process of its own, as a bridge would start it."""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

from staging.wire import DEADLINE_S

from mediabridge.proxy import Endpoint

TOKEN_HEADER = "X-Mediabridge-Token"


class RealSidecar:
    """``python -m mediabridge.sidecar`` on an inherited socket, with a token and an upload limit of 1 MiB."""

    def __init__(self, folder: Path) -> None:
        self.token = secrets.token_hex(16)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.log = folder / "log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "EXTRACT_"))}
        descriptor = self.listener.fileno()
        given = {"MEDIABRIDGE_LISTEN_FD": str(descriptor), "MEDIABRIDGE_TOKEN": self.token, "EXTRACT_MAX_MB": "1"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mediabridge.sidecar"],
                env={**kept, "TMPDIR": str(folder), **given}, cwd=folder, pass_fds=[descriptor],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        # Ours stays open: who asks before the sidecar listens waits in the backlog instead of being refused.

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(port=self.port, headers=((TOKEN_HEADER.lower().encode(), self.token.encode()),))

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(DEADLINE_S)
        finally:
            self.process.kill()
            self.process.wait(DEADLINE_S)
            self.listener.close()
