"""PDF: the text of its pages, and pages as pictures for OCR. For the child process."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2 as pdfium
from pypdfium2 import raw

from .notes import MOST_PAGES, Broken, Encrypted, Notes, Piece, clean, tidy

DPI = 300  # what Tesseract's models were trained for
MOST_PIXELS = 12_000_000  # of a page as a picture; A4 at 300 dpi has 8.7 million
MOST_SIDE = 10_000
_LOCKED = frozenset({raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY})
_HYPHEN = "\x02"  # PDFium's mark of a hyphen at a line's end; the word goes on after it
# A page says nothing with fewer letters and digits than this, or than that beside a picture that covers half of it: a
# scanner's or a server's line at the foot of a scanned page is not its text.
_FEW, _FEW_BESIDE_A_PICTURE = 8, 100
_HALF = 0.5
_MANY_PATHS = 50  # letters that are drawn
_LOOKED_AT = 2000  # objects of a page


def read(path: Path, notes: Notes) -> Iterator[Piece]:
    """A piece for each page. A page that cannot be read is told, and is empty."""
    with _opened(path) as document:
        notes.page_count = len(document)
        if notes.page_count > MOST_PAGES:
            notes.truncate(f"only the first {MOST_PAGES} pages were read")
        for index in range(min(notes.page_count, MOST_PAGES)):
            yield _read_page(document, index, notes)


def picture(path: Path, number: int) -> tuple[bytes, int]:
    """A page as a grey PNG, and its dots per inch. Raises `Broken`, `Encrypted`."""
    with _opened(path) as document:
        try:
            page = document[number - 1]
            dpi = _dpi(*page.get_size())
            pixels = page.render(scale=dpi / 72, grayscale=True).to_pil()
        except (pdfium.PdfiumError, IndexError) as problem:
            msg = f"its page {number} cannot be drawn ({problem})"
            raise Broken(msg) from problem
        out = io.BytesIO()
        pixels.save(out, "PNG", compress_level=1, dpi=(dpi, dpi))
        return out.getvalue(), dpi


@contextmanager
def _opened(path: Path) -> Iterator[pdfium.PdfDocument]:
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as problem:
        if problem.err_code in _LOCKED:
            raise Encrypted from problem
        msg = f"it cannot be opened ({problem})"
        raise Broken(msg) from problem
    try:
        yield document
    finally:
        document.close()


def _read_page(document: pdfium.PdfDocument, index: int, notes: Notes) -> Piece:
    try:
        page = document[index]
        words = page.get_textpage()
        text = tidy(clean(words.get_text_bounded().replace(_HYPHEN, "")))
        piece = Piece(text, index + 1, _is_bare(page, text))
        words.close()
        page.close()
    except pdfium.PdfiumError as problem:
        notes.warn(f"page {index + 1} cannot be read ({problem})")
        return Piece("", index + 1)
    return piece


def _is_bare(page: pdfium.PdfPage, text: str) -> bool:
    """Whether the page shows more than its text says: a scan, or letters that are drawn."""
    letters = sum(1 for character in text[:1000] if character.isalnum())
    if letters >= _FEW_BESIDE_A_PICTURE:
        return False
    pictures, paths, covered = _shown(page)
    if letters < _FEW:
        return pictures > 0 or paths >= _MANY_PATHS
    return covered >= _HALF


def _shown(page: pdfium.PdfPage) -> tuple[int, int, float]:
    """How many pictures and drawn paths it has, and what share of it the largest picture covers."""
    width, height = page.get_size()
    pictures, paths, covered = 0, 0, 0.0
    for looked_at, one in enumerate(page.get_objects(max_depth=4)):
        if one.type == raw.FPDF_PAGEOBJ_IMAGE:
            pictures += 1
            left, bottom, right, top = one.get_bounds()
            covered = max(covered, (right - left) * (top - bottom) / max(width * height, 1))
        elif one.type == raw.FPDF_PAGEOBJ_PATH:
            paths += 1
        if looked_at >= _LOOKED_AT:
            break
    return pictures, paths, covered


def _dpi(width: float, height: float) -> int:
    """`width` and `height` in points, 1/72 of an inch. Raises `Broken`."""
    if not (0 < width < math.inf and 0 < height < math.inf):
        msg = "a page of it has no size"
        raise Broken(msg)
    most = min(72 * math.sqrt(MOST_PIXELS / (width * height)), 72 * MOST_SIDE / max(width, height))
    return max(min(DPI, int(most)), 1)
