"""The failure catalogue is complete, and the page in docs/ is what the code says."""

import importlib.util
from pathlib import Path

import pytest

from mediabridge.bridge.catalogue import CATALOGUE
from mediabridge.bridge.status import FailureKind

ROOT = Path(__file__).parents[2]


def test_every_kind_is_in_the_catalogue():
    assert set(CATALOGUE) == set(FailureKind)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_sample_is_of_its_kind_and_says_what_to_do(kind):
    failure = CATALOGUE[kind][1]()
    assert failure.kind is kind
    assert failure.error
    assert failure.message
    assert failure.suggestion


def test_the_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("failures_table", ROOT / "scripts" / "failures_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "failures.md").read_text() == module.document()
