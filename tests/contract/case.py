"""What a case is: a row of the table, with the word that each host must be seen to earn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

# The hosts of ours. The last two are Express again: without `attach`, and with `handler()` in place of `app.use`.
COLUMNS = ("uvicorn", "waitress", "express")
VARIANTS = ("express-bare", "express-handler")
DIRECT = "direct"  # the client at the upstream itself: what is seen where nobody stands between
HOSTS = (*COLUMNS, *VARIANTS, DIRECT)

PATIENCE_S, SHORT_PATIENCE_S = 8.0, 0.7


@dataclass(frozen=True, slots=True)
class Seen:
    """A word other than the good one, and why it cannot be the good one."""

    word: str
    reason: str


@dataclass(frozen=True, slots=True)
class Case:
    """``run`` plays it on a stage and says in a word what it saw; ``good`` is what it should see.

    ``differs``: host -> what its own server makes of it, and why. ``defects``: host -> what is wrong in ours.
    ``direct``: the word without a proxy, ``None`` where the question does not arise. What is said of ``express`` holds
    for its variants as well. ``source``: where the question comes from, ``1C`` (the table that peers were
    measured by), ``contract``, or numbers of known pitfalls.
    """

    title: str
    source: str
    run: Callable[[Any], str]
    good: str = "ok"
    direct: str | None = "ok"
    differs: Mapping[str, Seen] = field(default_factory=dict)
    defects: Mapping[str, str] = field(default_factory=dict)

    def expected(self, host: str) -> str:
        """The word that this host must earn."""
        if host == DIRECT:
            assert self.direct is not None
            return self.direct
        return differs.word if (differs := self.deviation(host)) else self.good

    def deviation(self, host: str) -> Seen | None:
        """What the host's own server makes of it, if that is not the good word."""
        return self.differs.get(host) or self.differs.get(host.partition("-")[0])

    def patience_s(self, host: str) -> float:
        """How long to wait for something: not long where it is known not to come."""
        return PATIENCE_S if host != DIRECT and self.expected(host) == self.good else SHORT_PATIENCE_S


class Book:
    """The cases of one module, in order."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def case(self, title: str, source: str, **more: Any) -> Callable[[Callable[[Any], str]], Callable[[Any], str]]:
        """Enter the decorated function as a case."""

        def enter(run: Callable[[Any], str]) -> Callable[[Any], str]:
            self.cases.append(Case(title, source, run, **more))
            return run

        return enter


def parameters(cases: list[Case]) -> list[Any]:
    """Every case on every host, as parameters of pytest; defects are expected to fail, and must."""
    return [
        pytest.param(case, host, id=f"{host}-{case.title}", marks=_marks(case, host))
        for host in HOSTS
        for case in cases
        if host != DIRECT or case.direct is not None
    ]


def _marks(case: Case, host: str) -> list[pytest.MarkDecorator]:
    why = case.defects.get(host) or case.defects.get(host.partition("-")[0])
    return [pytest.mark.xfail(strict=True, reason=why)] if why else []
