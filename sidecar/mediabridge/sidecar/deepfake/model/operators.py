"""Who may do what is the operator's: golden set, retraining, older versions, deletion, labels that count at once."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass

from mediabridge.sidecar.faults import Forbidden

HEADER = "X-Deepfake-Operator"
SETTING = "DEEPFAKE_OPERATOR_TOKEN"


@dataclass(frozen=True, slots=True)
class Operators:
    """`token`: what the operator sends in `X-Deepfake-Operator`. Without one, whoever sits at this machine is it."""

    token: str | None = None

    def is_operator(self, given: str | None, hops: str | None, peer: str | None) -> bool:
        """`given`: the header; `hops`: X-Forwarded-For, which the proxy writes itself; `peer`: who connected.

        Every hop must be of this machine, since a proxy of another's may stand in front; so must be who connected,
        since anybody can write the header.
        """
        if self.token is not None:
            return given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())
        seen = [part.strip() for part in (hops or "").split(",") if part.strip()]
        return all(map(_is_loopback, [*seen, peer or ""]))

    def refusal(self) -> Forbidden:
        """The error for somebody who is not."""
        if self.token is not None:
            return Forbidden(
                f"{HEADER}: this is the operator's, and the token is missing or wrong.",
                f"Send the value of {SETTING} in the header {HEADER}.",
            )
        return Forbidden(
            "This is the operator's; without a token, that is who calls from this very machine.",
            f"Set {SETTING} where the server is started, and send it in the header {HEADER}.",
        )


def _is_loopback(address: str) -> bool:
    if address in ("", "localhost"):
        return True  # a Unix socket has none, which waitress calls localhost
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
