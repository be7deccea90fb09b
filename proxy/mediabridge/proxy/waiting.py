"""The wait for an upstream that is about to be ready: it starts, or starts again."""

import asyncio
import time
from time import monotonic

from .upstream import Unavailable, Upstream

_LOOK_S = 0.02


def is_worth_waiting(why: Unavailable | None, start_wait_s: float) -> bool:
    """Whether it may pass by itself: an upstream that will not come back sends no Retry-After."""
    return why is not None and start_wait_s > 0 and why.retry_after_s is not None


async def until_ready(upstream: Upstream, start_wait_s: float) -> Unavailable | None:
    """Wait until it is ready, up to ``start_wait_s`` seconds. Gives why it is still not, or ``None``."""
    end = monotonic() + start_wait_s
    while is_worth_waiting(why := upstream.why_not_ready(), end - monotonic()):  # noqa: ASYNC110 - of another thread
        await asyncio.sleep(_LOOK_S)
    return why


def block_until_ready(upstream: Upstream, start_wait_s: float) -> Unavailable | None:
    """The same in a thread of its own."""
    end = monotonic() + start_wait_s
    while is_worth_waiting(why := upstream.why_not_ready(), end - monotonic()):
        time.sleep(_LOOK_S)
    return why
