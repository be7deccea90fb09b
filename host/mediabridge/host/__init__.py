"""Our own host: the command line, the server, the joint of bridge and proxy."""

from .upstream import BridgeUpstream

__all__ = ["BridgeUpstream"]
