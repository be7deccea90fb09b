"""The doors: what a part lists is what it holds."""

from __future__ import annotations

from types import ModuleType

import pytest

import mediabridge.bridge
import mediabridge.config

DOORS = [mediabridge.bridge, mediabridge.config]


def held(door: ModuleType) -> set[str]:
    """Public names that are no submodules."""
    return {name for name, it in vars(door).items() if not name.startswith("_") and not isinstance(it, ModuleType)}


def rank(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as isort and ruff sort them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_all_is_what_the_part_holds(door: ModuleType) -> None:
    assert set(door.__all__) == held(door) - {"annotations"}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_all_is_sorted_and_says_nothing_twice(door: ModuleType) -> None:
    assert list(door.__all__) == sorted(set(door.__all__), key=rank)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_every_name_says_what_it_is(door: ModuleType) -> None:
    functions_and_classes = [it for name in door.__all__ if callable(it := getattr(door, name))]
    assert [it for it in functions_and_classes if not it.__doc__ and it.__module__.startswith("mediabridge")] == []
