"""Counts and bytes of the library, or of the files that match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.library.summary import Amount, summary
from mediabridge.sidecar.services import services

from . import asking


def read() -> Response:
    """`freeable`: what undecided groups hold beside the files that are suggested to be kept."""
    asking.only(request.args, asking.FILTERS)
    filters = asking.filters(request.args)
    found = services().library.read(lambda session: summary(session, filters))
    freeable = Amount()
    for amount in found.freeable.values():
        freeable.add(amount.files, amount.size)
    duplicates = {"groups": found.groups, "undecided": found.undecided}
    return answer(
        {
            **_told(found.total),
            **{f"by{name.capitalize()}": _all(amounts) for name, amounts in found.sorts.items()},
            "duplicates": {**duplicates, "freeable": {**_told(freeable), "byKind": _all(found.freeable)}},
        }
    )


def _all(amounts: Mapping[str, Amount]) -> dict[str, Any]:
    return {word: _told(amount) for word, amount in sorted(amounts.items())}


def _told(amount: Amount) -> dict[str, int]:
    return {"files": amount.files, "bytes": amount.size}
