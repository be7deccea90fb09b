"""All cases, in the order of the table."""

from . import bodies, failures, fields, leaving, malformed, responses, targets

CASES = [
    case
    for book in (targets.BOOK, fields.BOOK, bodies.BOOK, responses.BOOK, leaving.BOOK, failures.BOOK, malformed.BOOK)
    for case in book.cases
]
