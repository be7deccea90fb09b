"""Who may talk to the sidecar: the bridge and its proxy with their token; without one, nobody but this machine.

Without a token, a page in a browser could reach a loopback server under a name of its own (DNS rebinding), or post
to it across sites; the Host and Origin headers give both away.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from .faults import Forbidden

TOKEN_HEADER = "X-Mediabridge-Token"  # noqa: S105  the header's name, not a token
_WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  compared with, not bound to
_DIRECT = "Call it as http://127.0.0.1:PORT, or set FLASK_HOST to the name that you use."


@dataclass(frozen=True, slots=True)
class Guard:
    """`token`: what every request must carry, or None; `own_host`: the host that the sidecar was told to listen on."""

    token: str | None
    own_host: str

    def check(self, headers: Mapping[str, str]) -> Forbidden | None:
        """Judge a request by its headers, named as in WSGI without `HTTP_`: `X_MEDIABRIDGE_TOKEN`, `HOST`, `ORIGIN`."""
        if self.token is not None:
            given = headers.get("X_MEDIABRIDGE_TOKEN", "")
            if hmac.compare_digest(given.encode("latin-1", "replace"), self.token.encode()):
                return None
            return Forbidden(
                f"{TOKEN_HEADER}: this sidecar serves its bridge alone, and the token is missing or wrong."
            )
        host = _name(f"//{headers.get('HOST', '')}")
        if not self._ours(host):
            return Forbidden(f"Host: {host[:100]!r} is not a name of this machine's loopback interface.", _DIRECT)
        origin = headers.get("ORIGIN")
        if origin is not None and not self._ours(_name(origin)):
            return Forbidden(f"Origin: {origin[:100]!r} may not call this sidecar.", _DIRECT)
        return None

    def _ours(self, host: str) -> bool:
        if host in ("localhost", self.own_host.lower()) and host:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        # A numeric address cannot be rebound, so a sidecar that listens on all interfaces takes any.
        return address.is_loopback or self.own_host in _WILDCARDS


def _name(url: str) -> str:
    """The host of a URL in lower case, without port and brackets; empty when there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
