"""The library's settings."""

from __future__ import annotations

from flask import Response

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.library import preferences
from mediabridge.sidecar.services import services

from . import asking


def read() -> Response:
    """All of them."""
    return answer(services().library.read(preferences.read))


def change() -> Response:
    """Those that are named; the answer has all."""
    sent = asking.body(())
    return answer(services().library.write(lambda session: preferences.change(session, sent)))
