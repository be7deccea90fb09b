"""Joins the two halves: the proxy asks, the bridge knows."""

from __future__ import annotations

from mediabridge.bridge import PythonBridge, Route, Status, WhyNotReady
from mediabridge.proxy import Endpoint, Unavailable

UNAVAILABLE = "Flask server unavailable"

# What is said when no failure has better words.
WORDS: dict[WhyNotReady, tuple[str, str]] = {
    WhyNotReady.NOT_STARTED: ("The sidecar has not been started.", "Start it, or wait: the host may be starting it."),
    WhyNotReady.STARTING: ("The sidecar is starting.", "Try again in a moment."),
    WhyNotReady.RESTARTING: ("The sidecar ended and is being started again.", "Try again in a moment."),
    WhyNotReady.STOPPING: ("The sidecar is being stopped.", "Start mediabridge again."),
    WhyNotReady.STOPPED: ("The sidecar has been stopped.", "Start mediabridge again."),
    WhyNotReady.UNHEALTHY: ("The sidecar runs but does not answer its health checks.", "Try again in a moment."),
    WhyNotReady.START_FAILED: ("The sidecar could not be started.", "Run: mediabridge doctor"),
    WhyNotReady.EXITED: ("The sidecar has ended.", "Start mediabridge again, or set SIDECAR_RESTART=on-failure."),
    WhyNotReady.GAVE_UP: ("The sidecar failed again and again.", "Read its last lines in the log."),
}


class BridgeUpstream:
    """A `mediabridge.proxy.Upstream` over a bridge: one endpoint for each replica that is ready."""

    def __init__(self, bridge: PythonBridge) -> None:
        self._bridge = bridge
        self._known: tuple[tuple[Route, ...], tuple[Endpoint, ...]] = ((), ())

    def why_not_ready(self) -> Unavailable | None:
        """None when ready; else the bridge's own words."""
        status = self._bridge.status()
        return None if status.ready else unavailable(status)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the sidecars listen that are ready now; none when it was stopped between the two questions."""
        routes, (known, endpoints) = self._bridge.routes(), self._known
        if routes != known:
            endpoints = tuple(map(_endpoint, routes))
            self._known = (routes, endpoints)
        return endpoints


def _endpoint(route: Route) -> Endpoint:
    address = route.address
    token = (b"x-mediabridge-token", route.token.encode())
    return Endpoint(address.host, address.port, address.uds, (token,), route.generation)


def unavailable(status: Status) -> Unavailable:
    """The words of CONTRACT §3 for a status that is not ready."""
    why = status.why or WhyNotReady.NOT_STARTED
    message, suggestion = WORDS[why]
    failure = status.failure
    if failure is not None and why is WhyNotReady.RESTARTING:
        message = f"{failure.message} {message}"
    elif failure is not None and why is WhyNotReady.EXITED:
        message, suggestion = failure.message, f"{suggestion} {failure.suggestion}"
    elif failure is not None:
        message, suggestion = failure.message, failure.suggestion
    return Unavailable(
        error=failure.error if failure else UNAVAILABLE,
        message=message,
        suggestion=suggestion,
        retry_after_s=status.retry_after_s,
        details={"state": str(status.state), "why": str(why)},
    )
