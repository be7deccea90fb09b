"""Which of several replicas a request goes to: the one with the fewest requests, a failing one left out for a while."""

import threading
from collections.abc import Callable, Sequence
from time import monotonic

from .errors import UnreachableError
from .upstream import Endpoint

Address = tuple[str, int, str | None]

# How long one that has failed is left out: doubled with each failure in a row, and over with the first success.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 8.0
_MANY = 64


class Place:
    """One replica as this proxy sees it: requests ``outstanding`` there, ``failures`` in a row."""

    __slots__ = ("endpoint", "failures", "out_until", "outstanding", "turn")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.outstanding = 0
        self.failures = 0
        self.out_until = 0.0
        self.turn = 0


class Balancer:
    """Least outstanding requests; of equals, the one that has waited longest for its turn. Belongs to one thread.

    One that failed is left out while another is there; when all have failed, the one whose pause ends first is tried.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._places: dict[Address, Place] = {}
        self._last: Place | None = None
        self._turn = 0

    def take(self, endpoints: Sequence[Endpoint]) -> Place:
        """A place for one request; give it to ``release`` afterwards. Raises ``UnreachableError`` without endpoints."""
        place = self._last
        if place is None or len(endpoints) != 1 or endpoints[0] is not place.endpoint:
            place = self._last = self._choose(endpoints)
        place.outstanding += 1
        return place

    def release(self, place: Place) -> None:
        """The request is over, or was not sent there after all."""
        place.outstanding -= 1

    def failed(self, place: Place) -> None:
        """No connection, or the answer did not come: leave it out for a while."""
        place.failures += 1
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(place.failures - 1, 16), _LONGEST_PAUSE_S)
        place.out_until = self._clock() + pause_s

    def worked(self, place: Place) -> None:
        """It has answered."""
        place.failures = 0

    def _choose(self, endpoints: Sequence[Endpoint]) -> Place:
        if not endpoints:
            raise UnreachableError("No replica of the upstream is ready any more")
        now = self._clock()
        place = min(map(self._place, endpoints), key=lambda one: _rank(one, now))
        self._turn += 1
        place.turn = self._turn
        if len(self._places) > _MANY:
            self._forget_all_but(endpoints)
        return place

    def _place(self, endpoint: Endpoint) -> Place:
        place = self._places.get(endpoint.address)
        if place is None:
            place = self._places[endpoint.address] = Place(endpoint)
        place.endpoint = endpoint  # a new process may listen at the same address under another token
        return place

    def _forget_all_but(self, endpoints: Sequence[Endpoint]) -> None:
        kept = {endpoint.address for endpoint in endpoints}
        self._places = {key: one for key, one in self._places.items() if one.outstanding or key in kept}


class SharedBalancer(Balancer):
    """The same for threads."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(clock)
        self._lock = threading.Lock()

    def take(self, endpoints: Sequence[Endpoint]) -> Place:
        """As ``Balancer.take``."""
        with self._lock:
            return super().take(endpoints)

    def release(self, place: Place) -> None:
        """As ``Balancer.release``."""
        with self._lock:
            super().release(place)

    def failed(self, place: Place) -> None:
        """As ``Balancer.failed``."""
        with self._lock:
            super().failed(place)


def _rank(place: Place, now: float) -> tuple[float, int, int]:
    pause_s = max(place.out_until - now, 0.0) if place.failures else 0.0
    return (pause_s, place.outstanding, place.turn)
