"""The double of ``Upstream``, for the tests of hosts and for ours."""

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
        self._endpoint = endpoint
        self._why = why
        self.asked = 0
        self.given = 0

    def be_ready(self, endpoint: Endpoint) -> None:
        """From now on ready, at ``endpoint``."""
        self._endpoint = endpoint

    def be_away(self, why: Unavailable = NOT_STARTED) -> None:
        """From now on not ready."""
        self._endpoint = None
        self._why = why

    def why_not_ready(self) -> Unavailable | None:
        """Part of ``Upstream``."""
        self.asked += 1
        return None if self._endpoint is not None else self._why

    def endpoint(self) -> Endpoint:
        """Part of ``Upstream``. Raises ``LookupError`` when not ready: the proxy must not have asked."""
        if self._endpoint is None:
            raise LookupError("not ready, and asked for its endpoint")
        self.given += 1
        return self._endpoint
