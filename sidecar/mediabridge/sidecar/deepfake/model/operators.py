"""Who may do what is the operator's: golden set, retraining, older versions, deletion, labels that count at once."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from mediabridge.sidecar.faults import Forbidden

HEADER = "X-Deepfake-Operator"
SETTING = "DEEPFAKE_OPERATOR_TOKEN"
_OTHER_SITES = ("cross-site", "same-site")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request tells of who sent it, as its headers have it.

    `token`: X-Deepfake-Operator; `hops`, `forwarded_host`: X-Forwarded-For and -Host, which the proxy writes itself;
    `ignored`: X-Forwarded-Ignored, by which our proxy says that its caller spoke of others, unproved;
    `peer`: who connected; `origin`, `fetch_site`: Origin (RFC 6454) and Sec-Fetch-Site (W3C Fetch Metadata), which
    browsers add, and no page can change.
    """

    token: str | None = None
    hops: str | None = None
    ignored: str | None = None
    peer: str | None = None
    host: str | None = None
    forwarded_host: str | None = None
    origin: str | None = None
    fetch_site: str | None = None


@dataclass(frozen=True, slots=True)
class Operators:
    """`token`: what the operator sends in `X-Deepfake-Operator`. Without one, whoever sits at this machine is it."""

    token: str | None = None

    def is_operator(self, caller: Caller) -> bool:
        """Whether that is the operator.

        Without a token every hop must be of this machine, since a proxy of another's may stand in front; so must be
        who connected, since anybody can write the header; and it must be no page of somebody else's that has the
        operator's own browser ask.
        """
        if self.token is not None:
            given = (caller.token or "").encode("utf-8", "replace")
            return caller.token is not None and hmac.compare_digest(given, self.token.encode())
        if caller.ignored is not None:  # a proxy on this machine that nobody declared: everybody would be the operator
            return False
        seen = _listed(caller.hops)
        return all(map(_is_loopback, [*seen, caller.peer or ""])) and not _is_foreign_page(caller)

    def refusal(self) -> Forbidden:
        """The error for somebody who is not."""
        if self.token is not None:
            return Forbidden(
                f"{HEADER}: this is the operator's, and the token is missing or wrong.",
                f"Send the value of {SETTING} in the header {HEADER}.",
            )
        return Forbidden(
            "This is the operator's; without a token, that is who calls from this very machine, by the name localhost "
            "or an IP address, and not from a page of another site.",
            f"Set {SETTING} where the server is started, and send it in the header {HEADER}.",
        )


def _is_foreign_page(caller: Caller) -> bool:
    """Whether a page of another site sent it, or one whose name was made to point here (DNS rebinding)."""
    if (caller.fetch_site or "").strip().lower() in _OTHER_SITES:
        return True
    hosts = [*_listed(caller.forwarded_host), *_listed(caller.host)]
    if not all(map(_is_ours, hosts)):
        return True
    return caller.origin is not None and not (hosts and _same_place(caller.origin, hosts[0]))


def _same_place(origin: str, host: str) -> bool:
    """Whether host and port of an Origin (`null` for none) are those of a Host, which leaves out a usual port."""
    try:
        asking, asked = urlsplit(origin.strip()), urlsplit(f"//{host}")
        usual = _PORTS.get(asking.scheme)
        ports = (asking.port or usual, asked.port or usual)
    except ValueError:
        return False
    return bool(asking.hostname) and asking.hostname == asked.hostname and ports[0] == ports[1] is not None


def _is_ours(host: str) -> bool:
    """Whether no name server was asked for the name in a Host: it is localhost, or an address."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    return name == "localhost" or name.endswith(".localhost") or _address(name) is not None


def _is_loopback(address: str) -> bool:
    if address in ("", "localhost"):
        return True  # a Unix socket has none, which waitress calls localhost
    found = _address(address)
    return found is not None and found.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _listed(header: str | None) -> Iterator[str]:
    return (part.strip() for part in (header or "").split(",") if part.strip())
