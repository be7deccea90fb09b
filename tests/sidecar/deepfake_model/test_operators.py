"""Who is the operator: by a token, or by where a request comes from."""

from __future__ import annotations

import pytest

from mediabridge.sidecar.deepfake.model.operators import Caller, Operators


@pytest.mark.parametrize(
    ("hops", "peer", "is_it"),
    [
        (None, "127.0.0.1", True),
        (None, "::1", True),
        (None, "192.0.2.7", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("192.0.2.7", "127.0.0.1", False),
        ("192.0.2.7, 127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "192.0.2.7", False),  # who is elsewhere may write what it likes
        ("127.0.0.1", "localhost", True),  # what waitress says of a Unix socket
        ("somebody", "127.0.0.1", False),
        (None, None, True),
    ],
)
def test_without_a_token_who_sits_at_the_machine_is_the_operator(
    hops: str | None, peer: str | None, is_it: bool
) -> None:
    assert Operators().is_operator(Caller(hops=hops, peer=peer)) is is_it


LOCAL = "localhost:8080"


@pytest.mark.parametrize(
    ("headers", "is_it"),
    [
        ({}, True),
        ({"host": "127.0.0.1:8080", "fetch_site": "none"}, True),
        ({"host": LOCAL, "fetch_site": "same-origin", "origin": "http://localhost:8080"}, True),
        ({"host": "app.localhost", "origin": "https://app.localhost"}, True),
        ({"host": "[::1]:8080", "origin": "http://[::1]:8080"}, True),
        ({"host": "192.168.1.5:8080"}, True),
        ({"host": LOCAL, "ignored": "1"}, False),  # a proxy on this machine, and anybody behind it
        ({"host": "127.0.0.1:9", "forwarded_host": LOCAL, "origin": "http://localhost:8080"}, True),
        ({"host": LOCAL, "fetch_site": "cross-site"}, False),
        ({"host": LOCAL, "fetch_site": "same-site"}, False),  # a page of another server on this machine
        ({"host": LOCAL, "origin": "https://evil.example"}, False),
        ({"host": LOCAL, "origin": "http://localhost:3000"}, False),
        ({"host": LOCAL, "origin": "null"}, False),
        ({"host": LOCAL, "origin": "http://localhost:port"}, False),
        ({"host": "evil.example:8080"}, False),  # a name that its owner made to point here
        ({"host": "evil.example:8080", "origin": "http://evil.example:8080", "fetch_site": "same-origin"}, False),
        ({"host": "evil.example:8080", "forwarded_host": LOCAL}, False),  # which a page may write, to the sidecar
        ({"host": "127.0.0.1:9", "forwarded_host": "evil.example"}, False),
        ({"host": LOCAL, "forwarded_host": "localhost, evil.example"}, False),
        ({"host": "localhost.evil.example"}, False),
        ({"host": "[::1"}, False),
    ],
)
def test_a_page_of_somebody_elses_does_not_ask_as_the_operator(headers: dict[str, str], is_it: bool) -> None:
    assert Operators().is_operator(Caller(hops="127.0.0.1", peer="127.0.0.1", **headers)) is is_it
    assert Operators("secret").is_operator(Caller(token="secret", **headers)), "a page has no token"


def test_with_a_token_the_token_alone_counts() -> None:
    operators = Operators("secret")
    assert operators.is_operator(Caller(token="secret", hops="192.0.2.7", peer="192.0.2.7"))
    assert not operators.is_operator(Caller(token="Secret", peer="127.0.0.1"))
    assert not operators.is_operator(Caller(peer="127.0.0.1"))
