"""Tesseract: where it is, which languages it has, and a picture's words with its confidence in them."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mediabridge.sidecar import programs
from mediabridge.sidecar.faults import EngineUnavailable, InvalidRequest

from . import program
from .program import Check

INSTALL = (
    "Install Tesseract: 'sudo apt-get install tesseract-ocr tesseract-ocr-eng' (Debian), 'brew install tesseract' "
    "(macOS), 'winget install UB-Mannheim.TesseractOCR' (Windows); or set TESSERACT_PATH to the program."
)
_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:/[A-Za-z0-9_]+)?", re.ASCII)
_MOST_LANGUAGES = 8
_ORIENTATION = "osd"  # a model that tells how a page lies; it reads nothing
# Page segmentation: with orientation detection, without it upside-down pages come out as nonsense, with success; and
# the default, for where the model for it is missing.
_UPRIGHTING, _DEFAULT = "1", "3"
_ASKED_S = 10.0


@dataclass(frozen=True, slots=True)
class Page:
    """What was read. `confidence` from 0 to 100, the mean over `words`; None where there are none."""

    text: str
    confidence: float | None
    words: int


@dataclass(frozen=True, slots=True)
class Command:
    """Tesseract, ready to read pages. `mode` of page segmentation."""

    path: Path
    languages: tuple[str, ...]
    mode: str

    def read(self, picture: Path, seconds: float, check: Check, *, dpi: int | None) -> Page:
        """One picture. Raises `program.TookTooLong`, `program.Failed`, and what `check` raises."""
        known = ["--dpi", str(dpi)] if dpi else []
        words = [str(picture), "stdout", "-l", "+".join(self.languages), "--psm", self.mode, *known, "tsv"]
        return parse(program.run([str(self.path), *words], seconds, check))


def find_tesseract(configured: str | None, search_path: str | None = None) -> Path:
    """The absolute path of Tesseract: `configured` (TESSERACT_PATH) when set, else the first on `search_path` (PATH).

    A configured path that is wrong is not passed over for another program. Raises `EngineUnavailable`.
    """
    if configured:
        return programs.configured(Path(configured), "TESSERACT_PATH", "OCR is off", INSTALL)
    found = shutil.which("tesseract", path=search_path)
    if found is None:
        msg = "OCR is off: TESSERACT_PATH is not set, and no 'tesseract' lies on PATH."
        raise EngineUnavailable(msg, INSTALL, missing=True)
    return Path(found).absolute()


class Tesseract:
    """The program. `find` tells where it is, anew for each use: it may be installed while we run."""

    def __init__(self, find: Callable[[], Path]) -> None:
        self._find = find

    def version(self) -> str:
        """Raises `EngineUnavailable`."""
        first = self._ask("--version").partition("\n")[0]
        return first.removeprefix("tesseract").strip() or "unknown"

    def installed(self) -> list[str]:
        """Languages, sorted; `osd`, if it is there, among them. Raises `EngineUnavailable`."""
        return sorted(self._ask("--list-langs").splitlines()[1:])

    def command(self, languages: Sequence[str], installed: Sequence[str]) -> Command:
        """How pages in these languages are read. Raises `EngineUnavailable`."""
        mode = _UPRIGHTING if _ORIENTATION in installed else _DEFAULT
        return Command(self._find(), tuple(languages), mode)

    def _ask(self, question: str) -> str:
        path = self._find()
        try:
            return program.run([str(path), question], _ASKED_S, lambda: None)
        except (program.TookTooLong, program.Failed) as problem:
            msg = f"OCR is off: {path} does not answer {question} ({problem or 'it took too long'})."
            raise EngineUnavailable(msg, INSTALL) from problem


def languages_of(text: str) -> tuple[str, ...]:
    """`eng+deu` as names, each once. Raises `InvalidRequest`."""
    # A plus in an address is a blank by the time it is read.
    names = tuple(dict.fromkeys(re.split(r"[+, ]+", text.strip("+, "))))
    if not all(_LANGUAGE.fullmatch(name) for name in names) or len(names) > _MOST_LANGUAGES:
        msg = f"lang: {text[:64]!r} is no list of languages."
        raise InvalidRequest(msg, "Name one to eight, joined by '+': lang=eng+deu.")
    return names


def require(languages: Sequence[str], installed: Sequence[str]) -> None:
    """Raises `InvalidRequest` that names what is missing, and what there is."""
    there = [name for name in installed if name != _ORIENTATION]
    missing = [name for name in languages if name not in there]
    if missing:
        msg = f"lang: {', '.join(missing)} is not installed. Installed: {', '.join(there) or 'none'}."
        package = missing[0].replace("_", "-")
        raise InvalidRequest(msg, f"Choose of these, or install more: 'sudo apt-get install tesseract-ocr-{package}'.")


def parse(table: str) -> Page:
    """Tesseract's TSV: words with their block, paragraph, line and confidence. Pure."""
    rows = csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    words = [row for row in rows if row.get("level") == "5" and (row.get("text") or "").strip()]
    blocks = [
        "\n".join(
            " ".join(word["text"].strip() for word in line)
            for _, line in groupby(block, key=lambda row: row["line_num"])
        )
        for _, block in groupby(words, key=lambda row: (row["block_num"], row["par_num"]))
    ]
    confidences = [float(word["conf"]) for word in words]
    mean = round(sum(confidences) / len(confidences), 1) if confidences else None
    return Page("\n\n".join(blocks), mean, len(words))
