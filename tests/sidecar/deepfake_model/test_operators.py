"""Who is the operator: by a token, or by where a request comes from."""

from __future__ import annotations

import pytest

from mediabridge.sidecar.deepfake.model.operators import Operators


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
    assert Operators().is_operator(None, hops, peer) is is_it


def test_with_a_token_the_token_alone_counts() -> None:
    operators = Operators("secret")
    assert operators.is_operator("secret", "192.0.2.7", "192.0.2.7")
    assert not operators.is_operator("Secret", None, "127.0.0.1")
    assert not operators.is_operator(None, None, "127.0.0.1")
