"""Where the host listens is said when nobody else can know it."""

from __future__ import annotations

import logging

import pytest

from mediabridge.host.run import say_where

URL = "http://127.0.0.1:43210"


@pytest.mark.parametrize(
    ("level", "port", "said"),
    [(logging.WARNING, 0, True), (logging.WARNING, 43210, False), (logging.INFO, 0, True), (logging.INFO, 43210, True)],
)
def test_the_port_that_was_found_is_said_at_any_log_level(level: int, port: int, *, said: bool) -> None:
    found: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    log, collect = logging.getLogger("mediabridge.host"), Collect()
    before = log.level
    log.addHandler(collect)
    log.setLevel(level)
    try:
        say_where(URL, asked_port=port)
    finally:
        log.setLevel(before)
        log.removeHandler(collect)
    assert found == ([f"listening on {URL}"] if said else [])
