"""Who is waited for, how long, and what it is called when that is over. Pure."""

from .errors import ClientTooSlowError, ProxyError, TooSlowError
from .limits import Limits


def for_response(limits: Limits, *, begun: bool) -> tuple[float, ProxyError]:
    """The whole request is sent: the seconds that the upstream has, and the error when it takes longer."""
    if begun:
        return limits.idle_s, TooSlowError(f"The answer did not go on for {limits.idle_s:g} s")
    return limits.first_byte_s, TooSlowError(f"No answer within {limits.first_byte_s:g} s")


def for_upload(limits: Limits, *, upstream_is_full: bool) -> tuple[float, ProxyError]:
    """In the middle of the request's body: the same for whoever keeps the other waiting."""
    if upstream_is_full:
        return limits.idle_s, TooSlowError(f"The upload was not taken for {limits.idle_s:g} s")
    return limits.client_idle_s, ClientTooSlowError(f"The request body did not go on for {limits.client_idle_s:g} s")
