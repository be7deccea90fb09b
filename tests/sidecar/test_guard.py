"""Who may talk to the sidecar."""

from __future__ import annotations

import pytest

from mediabridge.sidecar.guard import Guard

WITH_TOKEN = Guard("s3cret", "127.0.0.1")
WITHOUT = Guard(None, "127.0.0.1")


def test_the_token_opens_whatever_the_host() -> None:
    assert WITH_TOKEN.check({"X_MEDIABRIDGE_TOKEN": "s3cret", "HOST": "example.com"}) is None


@pytest.mark.parametrize("given", ["", "s3cre", "s3cret2", "S3CRET", "s3cr\xe9t", "\u20ac"])
def test_a_wrong_token_is_refused(given: str) -> None:
    assert WITH_TOKEN.check({"X_MEDIABRIDGE_TOKEN": given, "HOST": "localhost"}) is not None


def test_a_missing_token_is_refused_and_the_refusal_does_not_tell_it() -> None:
    refused = WITH_TOKEN.check({"HOST": "localhost"})
    assert refused is not None
    assert "s3cret" not in refused.message + refused.suggestion


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5001", "LOCALHOST.", "127.0.0.1", "127.8.9.1:80", "[::1]:5001"]
)
def test_names_of_the_loopback_interface_are_ours(host: str) -> None:
    assert WITHOUT.check({"HOST": host}) is None


@pytest.mark.parametrize(
    "host", ["", "evil.test", "evil.test:5001", "127.0.0.1.evil.test", "10.0.0.1", "localhost@evil.test", "[::1", "a/b"]
)
def test_other_hosts_are_refused(host: str) -> None:
    assert WITHOUT.check({"HOST": host}) is not None


def test_the_host_that_it_was_told_to_listen_on_is_ours() -> None:
    assert Guard(None, "Media.lan").check({"HOST": "media.lan:5001"}) is None


def test_on_all_interfaces_any_address_is_ours_but_no_name() -> None:
    everywhere = Guard(None, "0.0.0.0")
    assert everywhere.check({"HOST": "192.168.1.5:5001"}) is None
    assert everywhere.check({"HOST": "evil.test"}) is not None


@pytest.mark.parametrize(
    ("origin", "allowed"), [("http://localhost:8080", True), ("http://evil.test", False), ("null", False)]
)
def test_a_page_of_another_site_may_not_post(origin: str, allowed: bool) -> None:
    assert (WITHOUT.check({"HOST": "localhost", "ORIGIN": origin}) is None) == allowed
