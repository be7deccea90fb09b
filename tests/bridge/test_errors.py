"""The exception tree and its mapping from failures."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mediabridge.bridge import BridgeError, FailureKind, StartError
from mediabridge.bridge import errors as module

from .doubles import failure


def drawn() -> Iterator[tuple[str, str]]:
    """(class, its base) of every line of the tree in the module's docstring."""
    path: list[str] = []
    for line in (module.__doc__ or "").splitlines():
        if found := re.match(r"([│ ├└─]*)(\w+Error)\b", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            yield found[2], path[depth - 1] if depth else "Exception"


def written() -> set[tuple[str, str]]:
    classes = [it for it in vars(module).values() if isinstance(it, type) and issubclass(it, BridgeError)]
    return {(it.__name__, base.__name__) for it in classes for base in it.__bases__}


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert set(drawn()) == written()


def test_every_class_is_drawn_once() -> None:
    assert len(list(drawn())) == len(written())


def test_every_kind_of_failure_has_its_error() -> None:
    assert set(module.ERROR_OF) == set(FailureKind)


@pytest.mark.parametrize("kind", FailureKind)
def test_an_error_keeps_its_failure(kind: FailureKind) -> None:
    told = failure(kind)
    error = module.error_of(told)
    assert isinstance(error, StartError)
    assert error.failure is told
    assert str(error) == "error: message suggestion"


def test_every_error_is_exported() -> None:
    import mediabridge.bridge as door

    assert {name for name, _ in written()} <= set(door.__all__)
