"""Whose word about the client's address is believed."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network


class Trusted:
    """Peers whose X-Forwarded-* are kept: addresses, networks (``10.0.0.0/8``), ``"unix"`` for peers without an
    address, ``"*"`` for all. Raises ``ValueError`` for anything else.
    """

    def __init__(self, peers: Iterable[str] = ()) -> None:
        names = frozenset(peers)
        self._everyone = "*" in names
        self._unix = "unix" in names
        self._networks = [ip_network(name, strict=False) for name in names - {"*", "unix"}]

    def covers(self, peer: str | None) -> bool:
        """Whether ``peer``, an address or ``None`` for a Unix socket's, is trusted."""
        if self._everyone:
            return True
        if not peer:
            return self._unix
        return bool(self._networks) and self._in_networks(peer)

    def _in_networks(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)
