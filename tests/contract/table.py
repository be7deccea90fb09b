"""The table of the document, made of the cases: what the suite has proved is what it says."""

from pathlib import Path

from .case import COLUMNS, VARIANTS, Case
from .cases import CASES
from .peers import NAMES, WORDS

PAGE = Path(__file__).parents[2] / "docs" / "comparison_proxy.md"
BEGIN, END = "<!-- contract table: begin -->\n", "<!-- contract table: end -->\n"
OURS = ("ASGI on uvicorn", "WSGI on waitress", "Express 5")
IN_WORDS = {
    "express-bare": "Express without `attach`",
    "express-handler": "`handler()`",
    **dict(zip(COLUMNS, OURS, strict=True)),
}


def table() -> str:
    """All that stands between the markers: the rows with peers, the rows without, the reasons."""
    notes: list[str] = []
    with_peers = [
        row(case, notes) + [escaped(word) for word in WORDS[case.title]] for case in CASES if case.title in WORDS
    ]
    others = [row(case, notes) for case in CASES if case.title not in WORDS]
    parts = [
        lines(["case", *OURS, *NAMES], with_peers),
        lines(["case", *OURS], others),
        "".join(f"{number}. {note}\n" for number, note in enumerate(notes, 1)),
    ]
    return "\n".join(parts)


def lines(head: list[str], rows: list[list[str]]) -> str:
    """Markdown's table."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def row(case: Case, notes: list[str]) -> list[str]:
    """The title and our three words, each deviation with the number of its note."""
    cells = [escaped(case.title)]
    for host in COLUMNS:
        numbers = [number for name in (host, *variants(host)) if (number := numbered(case, name, notes))]
        word = "wrong" if host in case.defects else case.expected(host)
        cells.append(escaped(word) + "".join(f"<sup>{number}</sup>" for number in numbers))
    return cells


def variants(host: str) -> list[str]:
    return [name for name in VARIANTS if name.startswith(f"{host}-")]


def numbered(case: Case, host: str, notes: list[str]) -> int | None:
    """The number of the note that this host needs; the same note is written once."""
    if why := case.defects.get(host):
        note = f"{IN_WORDS[host]}: {why}."
    elif host in case.differs:
        seen = case.differs[host]
        word = f"{seen.word}: " if host in VARIANTS else ""
        note = f"{IN_WORDS[host]}: {word}{seen.reason}."
    else:
        return None
    if note not in notes:
        notes.append(note)
    return notes.index(note) + 1


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def written(page: str) -> str:
    """The page with the table between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"
