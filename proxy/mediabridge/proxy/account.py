"""What is counted of one request while it is carried; it becomes the event ``Finished``."""

from time import perf_counter

from .errors import Outcome
from .events import Finished, printable
from .request import Request

# Route, method, status, outcome, bytes of the request's body and of the response's, seconds to the first byte, whether
# it was answered from memory.
Note = tuple[str, str, int, Outcome, int, int, float | None, bool]


class Account:
    """Counts of one request, from now on. ``status`` is set once the response has begun."""

    outcome = Outcome.SERVER_ERROR
    message = ""
    aborted = False
    status: int | None = None
    bytes_in = 0
    bytes_out = 0
    first_byte_at: float | None = None

    def __init__(self, route: str, request: Request) -> None:
        self.route = route
        self.request = request
        self._started_at = perf_counter()

    @property
    def told(self) -> int:
        """The status that counts: what the client was sent, 499 when it left before."""
        return 499 if self.outcome is Outcome.CLIENT_GONE else self.status or 500

    def note(self) -> Note:
        """What is counted of it."""
        first = self.first_byte_at
        first_s = None if first is None else first - self._started_at
        return self.route, self.request.method, self.told, self.outcome, self.bytes_in, self.bytes_out, first_s, False

    def finished(self) -> Finished:
        """The event of this request, which ends now."""
        request, first, started = self.request, self.first_byte_at, self._started_at
        return Finished(
            request.method,
            printable(request.path),
            self.route,
            self.told,
            self.outcome,
            self.aborted,
            self.bytes_in,
            self.bytes_out,
            None if first is None else (first - started) * 1000,
            (perf_counter() - started) * 1000,
            request.request_id,
            self.message,
        )
