"""The rows of the document are the rows of the suite, and none of those asked for is missing."""

from .case import HOSTS
from .cases import CASES
from .peers import NAMES, WORDS
from .table import PAGE, written


def test_the_page_says_what_the_suite_says() -> None:
    """Otherwise: python scripts/contract_table.py."""
    page = PAGE.read_text("utf-8")
    assert written(page) == page


def test_titles_are_unique() -> None:
    titles = [case.title for case in CASES]
    assert len(set(titles)) == len(titles)


def test_every_row_of_the_peers_is_a_case_and_complete() -> None:
    assert set(WORDS) <= {case.title for case in CASES}
    assert {len(words) for words in WORDS.values()} == {len(NAMES)}


def test_every_known_pitfall_of_a_proxy_has_a_case() -> None:
    """Numbers 29 to 50 of the catalogue that the cases name as their source."""
    found = {number for case in CASES for number in case.source.split()}
    assert found == {"1C", "contract", *map(str, range(29, 51))}


def test_a_deviation_is_another_word_of_a_known_host_with_a_reason() -> None:
    for case in CASES:
        assert set(case.differs) | set(case.defects) <= set(HOSTS)
        assert all(seen.word != case.good and seen.reason for seen in case.differs.values()), case.title
