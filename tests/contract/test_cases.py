"""Every case on every host, and at the upstream itself: what is seen is what the table says."""

from collections.abc import Callable
from typing import Any

import pytest

from .case import Case, parameters
from .cases import CASES


@pytest.mark.parametrize(("case", "host"), parameters(CASES))
def test_each_case_is_seen_as_the_table_says(case: Case, host: str, on: Callable[[str], Any]) -> None:
    stage = on(host)
    stage.patience_s = case.patience_s(host)
    assert case.run(stage) == case.expected(host)
