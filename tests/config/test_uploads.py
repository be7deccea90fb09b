"""How large a body may be: the rule that proxy and sidecar ask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.config import ENVELOPE, largest_body, load

MIB = 1024 * 1024
SIZES = {"free": 10, "premium": 100, "forensic": 500, "enterprise": 2048}


@pytest.mark.parametrize("path", ["/api/extract", "/api/extract/advanced"])
@pytest.mark.parametrize("name", sorted(SIZES))
def test_a_tier_in_the_query_has_its_limit_where_one_file_is_sent(path: str, name: str) -> None:
    assert largest_body(SIZES, path, f"x=1&tier={name.upper()}") == SIZES[name] + ENVELOPE


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/extract", ""),
        ("/api/extract", "tier=gold"),
        ("/api/extract", "tier="),
        ("/api/extract", "retier=free"),
        ("/api/extract/batch", "tier=free"),
        ("/upload", "tier=free"),
    ],
)
def test_else_the_largest_limit_holds(path: str, query: str) -> None:
    assert largest_body(SIZES, path, query) == SIZES["enterprise"] + ENVELOPE


@given(st.text(), st.text())
def test_any_target_has_a_limit(path: str, query: str) -> None:
    assert largest_body(SIZES, path, f"tier={query}") - ENVELOPE in SIZES.values()


def test_the_sizes_of_the_tiers_are_settings() -> None:
    found, warnings = load({"EXTRACT_MAX_MB_FREE": "3", "EXTRACT_MAX_MB": "50"})
    assert warnings == ()
    assert {name: size // MIB for name, size in found.tier_sizes.items()} == {
        "free": 3, "premium": 50, "forensic": 50, "enterprise": 50,
    }  # fmt: skip
    assert found.largest_body("/api/extract", "tier=free") == 3 * MIB + ENVELOPE


def test_the_limits_that_are_promised() -> None:
    found, _ = load({})
    assert {name: size // MIB for name, size in found.tier_sizes.items()} == SIZES
