"""Whether a socket has something to read, or room to write."""

import select

_HAS_POLL = hasattr(select, "poll")  # not on Windows; unlike select it takes descriptors above 1023


def is_readable(descriptor: int) -> bool:
    """Whether something has arrived, be it the end."""
    if not _HAS_POLL:
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def wait_for_either(descriptor: int, timeout_s: float) -> tuple[bool, bool]:
    """Wait until it can be read or written. Gives whether it can be read, and whether it can be written."""
    if not _HAS_POLL:
        readable, writable, _ = select.select([descriptor], [descriptor], [], timeout_s)
        return bool(readable), bool(writable)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLOUT)
    events = sum(event for _, event in poll.poll(timeout_s * 1000))
    return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)
