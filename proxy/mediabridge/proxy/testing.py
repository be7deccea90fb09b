"""The double of ``Upstream``, for the tests of hosts and for ours."""

from collections.abc import Sequence

from .upstream import Endpoint, Unavailable

NOT_STARTED = Unavailable(
    error="Flask server unavailable",
    message="The sidecar has not been started",
    suggestion="Start the bridge",
    retry_after_s=1,
)


class FakeUpstream:
    """Ready when it has an endpoint, else not, as told. ``asked`` counts ``why_not_ready``, ``given`` endpoints."""

    def __init__(self, endpoint: Endpoint | None = None, why: Unavailable = NOT_STARTED) -> None:
        self._endpoints: tuple[Endpoint, ...] = () if endpoint is None else (endpoint,)
        self._why = why
        self.asked = 0
        self.given = 0

    def be_ready(self, *endpoints: Endpoint) -> None:
        """From now on ready, at these endpoints: one for each replica."""
        self._endpoints = endpoints

    def be_away(self, why: Unavailable = NOT_STARTED) -> None:
        """From now on not ready."""
        self._endpoints = ()
        self._why = why

    def why_not_ready(self) -> Unavailable | None:
        """Part of ``Upstream``."""
        self.asked += 1
        return None if self._endpoints else self._why

    def endpoints(self) -> Sequence[Endpoint]:
        """Part of ``Upstream``. Raises ``LookupError`` when not ready: the proxy must not have asked."""
        if not self._endpoints:
            raise LookupError("not ready, and asked for its endpoints")
        self.given += 1
        return self._endpoints
